"""Every fault of a message is answered by the disposition that the standard has for it, and nothing of it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.key_making import self_signed
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import Compression, Packaging
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.pipeline.states import InstanceState
from tests.integration.as2.conftest import PAYLOAD_WORDS, As2Running, altered
from tests.integration.as2.partner import OUR_NAME
from tests.integration.conftest import claims

pytestmark = pytest.mark.asyncio(loop_scope="module")

Pack = Callable[[bytes, "Senders"], Packaged]


@dataclass(frozen=True, slots=True)
class Senders:
    """Who may pack a message: the partner, or somebody whom nobody knows."""

    as2: As2Running
    stranger: OwnKey

    def pack(self, payload: bytes, packaging: Packaging | None = None, **details: object) -> Packaged:
        """The partner's, with something odd about it."""
        return self.as2.partner.pack(payload, packaging, **details)  # type: ignore[arg-type]


def flipped(message: Packaged, position: int) -> Packaged:
    """One bit of the body altered."""
    body = bytearray(message.body)
    body[position] ^= 1
    return replace(message, body=bytes(body))


def demanding(message: Packaged, options: str) -> Packaged:
    """The receipt's form is demanded."""
    return altered(message, Disposition_Notification_Options=options)


UNSIGNED = Packaging(digest=None)
UNENCRYPTED = Packaging(encryption=None)
COMPRESSED = Packaging(encryption=None, compression=Compression.AFTER_SIGNING)
MD5 = "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, md5"
PGP = "signed-receipt-protocol=required, pgp-signature; signed-receipt-micalg=optional, sha-256"

# What is wrong, how it comes about, and the disposition.
FAULTS: dict[str, tuple[Pack, str]] = {
    "encrypted to another": (
        lambda text, by: by.pack(text, certificate=by.stranger.certificate),
        "processed/error: decryption-failed",
    ),
    # 8 KB in: behind the key, within the claims.
    "ciphertext altered": (
        lambda text, by: flipped(by.pack(text * 8), 8192),
        "processed/error: integrity-check-failed",
    ),
    "ciphertext cut off": (
        lambda text, by: replace(whole := by.pack(text), body=whole.body[:-17]),
        "processed/error: decryption-failed",
    ),
    "signed text altered": (
        lambda text, by: replace(
            whole := by.pack(text, UNENCRYPTED), body=whole.body.replace(b"SPECIMEN", b"SPECIMAN", 1)
        ),
        "processed/error: integrity-check-failed",
    ),
    "signed by a stranger": (
        lambda text, by: by.pack(text, key=by.stranger),
        "processed/error: authentication-failed",
    ),
    "unsigned": (
        lambda text, by: by.pack(text, UNSIGNED),
        "processed/error: insufficient-message-security",
    ),
    "not encrypted": (
        lambda text, by: by.pack(text, UNENCRYPTED),
        "processed/error: insufficient-message-security",
    ),
    "compressed data altered": (
        lambda text, by: flipped(by.pack(text, COMPRESSED), 1000),
        "processed/error: decompression-failed",
    ),
    "unsupported MIC algorithm": (
        lambda text, by: demanding(by.pack(text), MD5),
        "failed/failure: unsupported MIC-algorithms",
    ),
    "unsupported signature protocol": (
        lambda text, by: demanding(by.pack(text), PGP),
        "failed/failure: unsupported format",
    ),
    "no content of its type": (
        lambda text, by: altered(by.pack(text), Content_Type="multipart/encrypted; boundary=x"),
        "failed/failure: unsupported format",
    ),
}


@pytest.fixture
def senders(as2: As2Running, stranger_key: OwnKey) -> Senders:
    """Everybody."""
    return Senders(as2, stranger_key)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_is_answered_by_its_disposition(as2: As2Running, senders: Senders, number: int, fault: str) -> None:
    """In a receipt signed as asked; the original stays in the archive, and nothing of it is processed."""
    pack, disposition = FAULTS[fault]
    message = pack(claims(number, sender="AS2CLINIC"), senders)

    reply = await as2.post(message)
    receipt = as2.receipt(reply)

    assert str(receipt.disposition) == disposition
    assert receipt.original_message_id == message.headers.get("Message-ID")
    assert receipt.is_signed is (fault != "unsupported signature protocol")
    detail = await as2.settled(reply.instance)
    assert (detail.row.set_count, detail.answers) == (0, ())
    row = await as2.message(reply)
    assert as2.archived(row.wire.archived).endswith(message.body)
    assert row.opening is not None
    assert row.opening.detail
    assert not [word for word in PAYLOAD_WORDS if word in row.opening.detail]
    assert await as2.delivered(reply.instance) == []


async def test_expired_certificate(as2: As2Running, number: int) -> None:
    """Though it is pinned, and of the partner's own key."""
    now = datetime.now(UTC)
    key = as2.partner.key
    certificate = self_signed(key.key, key.certificate.subject, now - timedelta(days=9), now - timedelta(days=1))
    pinned = as2.site.folder / "as2" / "expired.pem"
    pinned.write_bytes(certificate.public_bytes(Encoding.PEM))
    await as2.change_partner(more=f'[[as2.certificate]]\nfile = "{pinned}"')
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"), key=replace(key, certificate=certificate))

    reply = await as2.post(message)

    assert str(as2.receipt(reply).disposition) == "processed/error: authentication-failed"
    assert (await as2.settled(reply.instance)).row.set_count == 0


@pytest.mark.parametrize(
    ("names", "disposition"),
    [
        ({"sender": "NOBODY"}, "processed/error: unknown-trading-relationship"),
        ({"receiver": "SOMEBODY ELSE"}, "processed/error: unknown-trading-relationship"),
        ({"sender": 'O"NEIL \\ SONS'}, "processed/error: unknown-trading-relationship"),
        ({"sender": OUR_NAME}, "failed/failure: sender-equals-receiver"),
    ],
)
async def test_names_of_no_relationship(as2: As2Running, names: dict[str, str], disposition: str) -> None:
    """The receipt is not signed, as nobody knows who would trust which key; nothing is kept."""
    before = await as2.kept_count()
    message = as2.partner.pack(b"SECRET", **names)  # type: ignore[arg-type]

    reply = await as2.post(message)
    receipt = as2.receipt(reply)

    assert str(receipt.disposition) == disposition
    assert not receipt.is_signed
    assert receipt.mic is None
    assert receipt.original_message_id == message.headers.get("Message-ID")
    assert reply.headers.get("Gateway-Instance") is None
    assert await as2.kept_count() == before


async def test_fault_of_ours(as2: As2Running, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is told that it is ours; an operator resubmits when it is mended, or the partner sends again."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))

    def broken(_self: MessageReader) -> None:
        raise RuntimeError("SECRET")

    with monkeypatch.context() as patch:
        patch.setattr(MessageReader, "finish", broken)
        reply = await as2.post(message)
        failed = await as2.settled(reply.instance, InstanceState.FAILED)

    assert str(as2.receipt(reply).disposition) == "processed/error: unexpected-processing-error"
    assert as2.receipt(reply).is_signed
    assert "RuntimeError at broken" in failed.row.error
    assert "SECRET" not in failed.row.error
    assert await as2.pipeline.engine.resubmit(reply.instance, "olga")
    assert (await as2.settled(reply.instance)).row.accepted_count == 2
    again = await as2.post(message)
    assert str(as2.receipt(again).disposition) == "processed"
    assert again.instance == reply.instance
    assert len(await as2.delivered(reply.instance)) == 2
