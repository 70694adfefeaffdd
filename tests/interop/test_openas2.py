"""OpenAS2 and the gateway in both directions: every digest with every encryption, compression, receipts, payloads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import pytest

from gateway.envelopes.as2.profile import (
    DigestAlgorithm,
    EncryptionAlgorithm,
    KeyTransport,
    Receipt,
    SignatureScheme,
)
from gateway.pipeline.as2.dispatches import DispatchRow
from gateway.pipeline.states import DispatchState
from tests.interop.cases import Case, Sent, cases_of, each
from tests.interop.gateway_site import NAME, GatewaySite, Link, client_certificate
from tests.interop.payloads import payload_of
from tests.interop.peers.identities import make_identity
from tests.interop.peers.matrix import Cell, Payload, covering_cells
from tests.interop.peers.openas2_peer import DIGESTS, ENCRYPTIONS, OpenAs2, Partnership
from tests.interop.peers.openas2_settings import write_tls

PARTNER = "openas2"
LARGE_BYTES = 4 << 20
USUAL = Cell(DigestAlgorithm.SHA256, EncryptionAlgorithm.AES256_CBC)
ADMISSION = replace(USUAL, payload=Payload.HL7V2)

COMING = cases_of("in", covering_cells(DIGESTS, ENCRYPTIONS, compresses=True))
# Its AS2 name goes out in quotes (RFC 4130 section 6.2). OpenAS2 looks up its own name with the quotes in a synchronous
# receipt and finds nobody; in an asynchronous one it takes them off.
NAME_WITH_BLANK = Case("in with blanks", replace(USUAL, receipt=Receipt.ASYNCHRONOUS))
IN_BASE64 = Case("in-base64", ADMISSION, transfer_encoding="base64")
LARGE_COMING = Case("in-large", ADMISSION, least_bytes=LARGE_BYTES)

# SHA-1 and 3DES are read and never written.
GOING = cases_of(
    "out",
    covering_cells(
        tuple(one for one in DIGESTS if one is not DigestAlgorithm.SHA1),
        tuple(one for one in ENCRYPTIONS if one is not EncryptionAlgorithm.TRIPLE_DES),
        compresses=True,
    ),
)
OVER_TLS = Case("out-tls", USUAL, over_tls=True)
WITH_PSS = Case("out-pss", USUAL, scheme=SignatureScheme.PSS)
WITH_OAEP = Case("out-oaep", USUAL, key_transport=KeyTransport.OAEP)
WITH_GCM = Case("out-gcm", replace(USUAL, encryption=EncryptionAlgorithm.AES256_GCM))
LARGE_GOING = Case("out-large", ADMISSION, least_bytes=LARGE_BYTES)

ALL_COMING = (*COMING, NAME_WITH_BLANK, IN_BASE64, LARGE_COMING)
ALL_GOING = (*GOING, OVER_TLS, WITH_PSS, WITH_OAEP, WITH_GCM, LARGE_GOING)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Both sides, and what each has sent, by the case's name."""

    site: GatewaySite
    openas2: OpenAs2
    sent: dict[str, Sent]

    def ended(self, case: Case) -> DispatchRow:
        """Wait for the end of what the gateway sent."""
        dispatch = self.sent[case.name].dispatch
        assert dispatch is not None
        return self.site.settled(dispatch)


@pytest.fixture(scope="module")
def exchange(openas2_programs: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Everything is sent, nothing is waited for."""
    del openas2_programs
    identity = make_identity(PARTNER)
    folder = tmp_path_factory.mktemp("openas2")
    with GatewaySite(tmp_path_factory.mktemp("gateway"), (PARTNER,)) as site:
        tls = write_tls(folder, site.certificates, PARTNER)
        openas2 = OpenAs2(folder, identity, {"gateway": site.identity.certificate}, tls)
        links = [_link(case, openas2) for case in (*ALL_COMING, *ALL_GOING)]
        site.write_partner(PARTNER, identity, links, client_certificate(site.certificates, PARTNER))
        site.start()
        with openas2:
            openas2.start([_partnership(case, site) for case in (*ALL_COMING, *ALL_GOING)])
            yield Exchange(site, openas2, _everything_sent(site, openas2))


def _link(case: Case, openas2: OpenAs2) -> Link:
    return Link(
        case.link,
        case.name,
        openas2.tls_url if case.over_tls else openas2.url,
        openas2.receipts_target,
        case.cell if case in ALL_GOING else None,
        case.scheme,
        case.key_transport,
    )


def _partnership(case: Case, site: GatewaySite) -> Partnership:
    # What the gateway alone does is no matter of OpenAS2's settings.
    cell = case.cell if case in ALL_COMING else USUAL
    return Partnership(case.name, NAME, cell, site.url, "gateway", transfer_encoding=case.transfer_encoding)


def _everything_sent(site: GatewaySite, openas2: OpenAs2) -> dict[str, Sent]:
    sent, numbers = {}, count(1)
    for case in ALL_COMING:
        payload = payload_of(case.cell.payload, next(numbers), PARTNER.upper(), least_bytes=case.least_bytes)
        message_id = openas2.drop(_partnership(case, site), "payload.edi", payload)
        sent[case.name] = Sent(payload, message_id=message_id)
    for case in ALL_GOING:
        payload = payload_of(case.cell.payload, next(numbers), PARTNER.upper(), least_bytes=case.least_bytes)
        content_type = case.cell.payload.content_type
        dispatch = site.send(PARTNER, _link(case, openas2), "payload.edi", payload, content_type)
        sent[case.name] = Sent(payload, dispatch=dispatch)
    return sent


@each(ALL_COMING)
def test_takes_what_openas2_sends(exchange: Exchange, case: Case) -> None:
    """The payload is kept byte for byte, and OpenAS2 likes the receipt: its signature and MIC are right."""
    sent = exchange.sent[case.name]

    taken = exchange.site.taken(PARTNER, case.name, sent.message_id)

    assert taken.payload == sent.payload
    assert taken.opening.disposition.is_processed
    # OpenAS2 does not tell the end of a message that asked for no receipt.
    assert case.cell.receipt is Receipt.NONE or exchange.openas2.sent(sent.message_id)


@each([case for case in ALL_COMING if case.cell.payload is Payload.CLAIMS])
def test_acknowledges_claims_over_as2(exchange: Exchange, case: Case) -> None:
    """The TA1 that was asked for and the 999 come back as messages of their own, and OpenAS2 reads them."""
    acknowledgements = b"".join(sorted(exchange.openas2.received_by(case.name, 2)))

    assert acknowledgements.count(b"~TA1*") == 1
    assert acknowledgements.count(b"~ST*999*") == 1
    assert b"~AK9*A*1*1*1~" in acknowledgements


@each([*GOING, OVER_TLS, WITH_PSS, LARGE_GOING])
def test_openas2_takes_what_we_send(exchange: Exchange, case: Case) -> None:
    """OpenAS2 decrypts, verifies and unpacks it byte for byte; its receipt ends the dispatch."""
    ended = exchange.ended(case)

    assert (ended.state, ended.error) == (DispatchState.DELIVERED, "")
    assert exchange.openas2.received(case.name, ended.draft.message_id) == exchange.sent[case.name].payload


def test_openas2_cannot_read_oaep(exchange: Exchange) -> None:
    """OpenAS2 takes each content key for PKCS#1 v1.5: it refuses the message, and the dispatch says why."""
    ended = exchange.ended(WITH_OAEP)

    assert ended.state is DispatchState.FAILED
    assert "decryption-failed" in ended.disposition


def test_openas2_takes_the_ciphertext_of_gcm_for_the_payload(exchange: Exchange) -> None:
    """OpenAS2 does not know AuthEnvelopedData and thanks for it all the same: the MIC uncovers that."""
    ended = exchange.ended(WITH_GCM)

    assert ended.state is DispatchState.FAILED
    assert "MIC" in ended.error
