"""libas2 and the gateway in both directions: what it sends is encrypted with RSA-OAEP, and it signs its receipts oddly.

libas2 has no compression. It reads content keys of PKCS#1 v1.5 only where node lets it, which newer releases do not, so
that the gateway sends to it with OAEP. Without a signature it computes no MIC. Of a part that is not in base64 it takes
the delimiter's line end for content, and mistakes letters beyond ASCII when it verifies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count

import pytest

from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm, KeyTransport, Receipt
from gateway.pipeline.as2.dispatches import DispatchRow
from gateway.pipeline.states import DispatchState
from tests.interop.cases import Case, Sent, cases_of, each
from tests.interop.gateway_site import NAME, GatewaySite, Link, basic_password
from tests.interop.payloads import PATIENT, PATIENT_IN_ASCII, payload_of
from tests.interop.peers.identities import make_identity
from tests.interop.peers.libas2_peer import DIGESTS, ENCRYPTIONS, Agreed, Answer, LibAs2
from tests.interop.peers.matrix import Cell, Payload, covering_cells

PARTNER = "libas2"
PASSWORD = "right"
USUAL = Cell(DigestAlgorithm.SHA256, EncryptionAlgorithm.AES256_CBC)
GCM = replace(USUAL, encryption=EncryptionAlgorithm.AES256_GCM)

COMING = cases_of("in", covering_cells(DIGESTS, ENCRYPTIONS, compresses=False))
COMING_GCM = Case("in-gcm", GCM)
GOING = tuple(
    replace(case, key_transport=KeyTransport.OAEP)
    for case in cases_of(
        "out",
        covering_cells(
            (DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512),
            tuple(one for one in ENCRYPTIONS if one is not EncryptionAlgorithm.TRIPLE_DES),
            compresses=False,
        ),
    )
)
GOING_GCM = Case("out-gcm", GCM, key_transport=KeyTransport.OAEP)
GOING_BEYOND_ASCII = Case("out-beyond-ascii", replace(USUAL, payload=Payload.HL7V2), key_transport=KeyTransport.OAEP)
GOING_UNSIGNED = Case("out-unsigned", replace(USUAL, digest=None), key_transport=KeyTransport.OAEP)

ALL_COMING = (*COMING, COMING_GCM)
ALL_GOING = (*GOING, GOING_GCM, GOING_BEYOND_ASCII, GOING_UNSIGNED)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Both sides, what each has sent, and the HTTP answers that libas2 got, by the case's name."""

    site: GatewaySite
    libas2: LibAs2
    sent: dict[str, Sent]
    answers: dict[str, Answer]

    def ended(self, case: Case) -> DispatchRow:
        """Wait for the end of what the gateway sent."""
        dispatch = self.sent[case.name].dispatch
        assert dispatch is not None
        return self.site.settled(dispatch)


@pytest.fixture(scope="module")
def exchange(libas2_programs: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Everything is sent; only what is answered in HTTP is waited for."""
    del libas2_programs
    identity = make_identity(PARTNER)
    with GatewaySite(tmp_path_factory.mktemp("gateway"), ()) as site:
        libas2 = LibAs2(identity, NAME, site.identity.certificate_pem, f"{PARTNER}:{PASSWORD}")
        links = [_link(case, libas2) for case in (*ALL_COMING, *ALL_GOING)]
        site.write_partner(PARTNER, identity, links, basic_password(PARTNER, PASSWORD))
        site.start()
        with libas2:
            agreed = {case.name: _agreed(case, site) for case in (*ALL_COMING, *ALL_GOING)}
            libas2.start(agreed, site.certificates.authority)
            numbers = count(1)
            sent = {case.name: _sent(case, site, libas2, numbers) for case in ALL_GOING}
            sent |= {case.name: _coming(case, numbers) for case in ALL_COMING}
            answers = {case.name: _answer(case, libas2, sent[case.name]) for case in ALL_COMING}
            yield Exchange(site, libas2, sent, answers)


def _link(case: Case, libas2: LibAs2) -> Link:
    """What comes is acknowledged as is usual."""
    cell = case.cell if case in ALL_GOING else USUAL
    return Link(case.link, case.name, libas2.url, cell=cell, key_transport=KeyTransport.OAEP)


def _agreed(case: Case, site: GatewaySite) -> Agreed:
    cell, receives = (USUAL, case.cell) if case in ALL_GOING else (case.cell, USUAL)
    return Agreed(cell, receives, site.url)


def _sent(case: Case, site: GatewaySite, libas2: LibAs2, numbers: Iterator[int]) -> Sent:
    patient = PATIENT if case is GOING_BEYOND_ASCII else PATIENT_IN_ASCII
    payload = payload_of(case.cell.payload, next(numbers), PARTNER.upper(), patient=patient)
    content_type = case.cell.payload.content_type
    return Sent(payload, dispatch=site.send(PARTNER, _link(case, libas2), "payload.edi", payload, content_type))


def _coming(case: Case, numbers: Iterator[int]) -> Sent:
    payload = payload_of(case.cell.payload, next(numbers), PARTNER.upper())
    return Sent(payload, message_id=f"<{case.name}@libas2>")


def _answer(case: Case, libas2: LibAs2, sent: Sent) -> Answer:
    return libas2.send(case.name, sent.message_id, sent.payload, case.cell.payload.content_type)


@each(COMING)
def test_takes_what_libas2_sends(exchange: Exchange, case: Case) -> None:
    """The payload is kept byte for byte; libas2 verifies the receipt, whose MIC is of the agreed digest."""
    sent, answer = exchange.sent[case.name], exchange.answers[case.name]
    taken = exchange.site.taken(PARTNER, case.name, sent.message_id)

    assert answer.fault == ""
    assert answer.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
    assert taken.payload == sent.payload
    assert taken.opening.disposition.is_processed
    if case.cell.receipt is not Receipt.NONE:
        is_late = case.cell.receipt is Receipt.ASYNCHRONOUS
        receipt = exchange.libas2.receipt(sent.message_id) if is_late else answer.receipt
        assert receipt is not None
        assert receipt.is_signed
        assert receipt.is_processed
        assert receipt.mic is not None
        assert ", ".join(receipt.mic) == taken.opening.mic


@each([case for case in COMING if case.cell.payload is Payload.CLAIMS])
def test_acknowledges_claims_over_as2(exchange: Exchange, case: Case) -> None:
    """The TA1 that was asked for and the 999 come back as messages of their own, and libas2 reads them."""
    received = [exchange.libas2.received(case.name, number) for number in (1, 2)]

    acknowledgements = b"".join(message.content or b"" for message in received)
    assert [message.reason for message in received] == ["", ""]
    assert acknowledgements.count(b"~TA1*") == 1
    assert acknowledgements.count(b"~ST*999*") == 1
    assert b"~AK9*A*1*1*1~" in acknowledgements


@each(GOING)
def test_libas2_takes_what_we_send(exchange: Exchange, case: Case) -> None:
    """libas2 decrypts and verifies it; its receipt, signed over a line end less, ends the dispatch."""
    ended = exchange.ended(case)
    received = exchange.libas2.received(case.name)

    assert (received.is_processed, received.reason) == (True, "")
    # Byte for byte, and the line end of the delimiter behind the content.
    assert received.content == exchange.sent[case.name].payload + b"\r\n"
    assert (ended.state, ended.error) == (DispatchState.DELIVERED, "")


def test_refuses_libas2s_own_kind_of_gcm(exchange: Exchange) -> None:
    """libas2 puts AES-GCM into an EnvelopedData, which no standard describes: it is told so."""
    receipt = exchange.answers[COMING_GCM.name].receipt

    assert receipt is not None
    assert receipt.description == "error: decryption-failed"


def test_libas2_cannot_read_gcm(exchange: Exchange) -> None:
    """libas2 does not know AuthEnvelopedData: its receipt says that it failed, and so does the dispatch."""
    ended = exchange.ended(GOING_GCM)

    assert ended.state is DispatchState.FAILED
    assert ended.disposition.startswith("failed")


def test_libas2_cannot_verify_letters_beyond_ascii(exchange: Exchange) -> None:
    """libas2 encodes them a second time before it verifies a binary part: it refuses, and the dispatch says so."""
    ended = exchange.ended(GOING_BEYOND_ASCII)

    assert ended.state is DispatchState.FAILED
    assert "Could not verify signature" in ended.disposition


def test_libas2_has_no_mic_of_what_is_not_signed(exchange: Exchange) -> None:
    """libas2 takes an unsigned message byte for byte, but cannot prove it: without a MIC it does not count."""
    ended = exchange.ended(GOING_UNSIGNED)

    assert exchange.libas2.received(GOING_UNSIGNED.name).content == exchange.sent[GOING_UNSIGNED.name].payload
    assert ended.state is DispatchState.FAILED
    assert "MIC" in ended.error
