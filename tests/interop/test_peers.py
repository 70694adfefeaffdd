"""The peers without the gateway: what fails here is no fault of ours."""

from pathlib import Path

from gateway.cli.development_certificates import make_development_certificates
from gateway.envelopes.as2.profile import Compression, DigestAlgorithm, EncryptionAlgorithm, Receipt
from tests.interop.payloads import payload_of
from tests.interop.peers.identities import make_identity
from tests.interop.peers.libas2_peer import Agreed, LibAs2
from tests.interop.peers.matrix import Cell, Payload
from tests.interop.peers.openas2_peer import OpenAs2, Partnership
from tests.interop.peers.openas2_settings import write_tls


def test_openas2_exchanges_with_itself(openas2_programs: str, tmp_path: Path) -> None:
    """Over TLS, with all that it can, back to its own listener."""
    del openas2_programs
    certificates = make_development_certificates(tmp_path / "certificates", ("client",))
    cell = Cell(
        DigestAlgorithm.SHA512,
        EncryptionAlgorithm.AES192_CBC,
        Compression.AFTER_SIGNING,
        Receipt.ASYNCHRONOUS,
        Payload.HL7V2,
    )
    payload = payload_of(cell.payload, 1, "ANY")
    with OpenAs2(tmp_path, make_identity("own"), {}, write_tls(tmp_path, certificates, "client")) as openas2:
        partnership = Partnership("SENDER", "RECEIVER", cell, openas2.tls_url, "own")
        openas2.start([partnership])

        message_id = openas2.drop(partnership, "payload.hl7", payload)

        assert openas2.sent(message_id)
        assert openas2.received("RECEIVER", message_id) == payload
        assert openas2.receipt(message_id).disposition.endswith("; processed")


def test_libas2_exchanges_with_another(libas2_programs: str, tmp_path: Path) -> None:
    """Signed and encrypted. It cannot read the signature of its own receipts, so that it asks for none."""
    del libas2_programs
    authority = make_development_certificates(tmp_path, ()).authority
    cell = Cell(DigestAlgorithm.SHA256, EncryptionAlgorithm.AES256_CBC, receipt=Receipt.NONE, payload=Payload.HL7V2)
    payload = payload_of(cell.payload, 1, "ANY")
    one, other = make_identity("one"), make_identity("other")
    with LibAs2(one, "OTHER", other.certificate_pem) as sender, LibAs2(other, "ONE", one.certificate_pem) as receiver:
        sender.start({"ONE": Agreed(cell, cell, receiver.url)}, authority)
        receiver.start({"OTHER": Agreed(cell, cell, sender.url)}, authority)

        answer = sender.send("ONE", "<1@one>", payload, cell.payload.content_type)

        assert answer.status == 200
        assert receiver.received("OTHER").content == payload
