"""The measured child of the AS2 rows; one JSON object on stdout.

`as2_worker.py receive KEY_BITS SIZE_BYTES ROUNDS`: CPU microseconds of one message that is read and answered with a
signed receipt, and, in turns with it, of the RSA operations that no receiver can do without: decrypt the content key,
sign the receipt. `as2_worker.py write FILE SIZE_BYTES` leaves a message for `as2_worker.py read FILE`, whose memory is
of interest.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from as2_messages import Party, make_message, make_party
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.disposition import PROCESSED
from gateway.envelopes.as2.profile import SecurityPolicy
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.receipt_writer import receipt_text, write_receipt
from gateway.envelopes.as2.writer import Outgoing
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.boundaries import new_boundary

# As the front door hands on a large body; a small one is one chunk.
CHUNK_BYTES = 256 << 10
# Each kind's share of a round: long beside a tick of the clock, short beside the moods of a machine.
_TURN_S = 0.4
# One message again and again would flatter whatever remembers what it saw; as many as fit into this much memory.
_DISTINCT_MESSAGES = 500
_HELD_BYTES = 64 << 20
_CONTENT_KEY = bytes(range(32))
_DIGEST = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Inbox:
    """Who receives, and whom it believes."""

    own: OwnKey
    trust: Trust

    def receive(self, headers: Headers, body: Iterable[bytes], size_bytes: int) -> None:
        """Read a message and write its receipt, as the gateway's step does without its stores."""
        addressing = read_addressing(headers)
        now = datetime.now(UTC)
        reader = MessageReader(headers, addressing, (self.own,), self.trust, SecurityPolicy(), at=now)
        payload_bytes = 0
        for chunk in body:
            payload_bytes += sum(map(len, reader.feed(chunk)))
        pieces, opened = reader.finish()
        payload_bytes += sum(map(len, pieces))
        assert payload_bytes == size_bytes
        assert opened.is_encrypted
        assert opened.signer is not None
        receipt = write_receipt(
            addressing,
            PROCESSED,
            opened.mic,
            self.own,
            text=receipt_text(addressing, PROCESSED),
            message_id="<2@bench>",
            at=now,
            new_boundary=new_boundary,
        )
        assert b"; processed" in receipt.body


def main(words: list[str]) -> None:
    """One of the three."""
    match words:
        case ["receive", key_bits, size_bytes, rounds]:
            print(json.dumps(_receive(int(key_bits), int(size_bytes), int(rounds))))
        case ["write", file, size_bytes]:
            _write(Path(file), int(size_bytes))
        case ["read", file]:
            _read(Path(file))
        case _:
            raise SystemExit(__doc__)


def _receive(key_bits: int, size_bytes: int, rounds: int) -> dict[str, list[float]]:
    sender, receiver = make_party("sender", key_bits), make_party("receiver", key_bits)
    count = max(1, min(_DISTINCT_MESSAGES, _HELD_BYTES // size_bytes))
    messages = cycle(
        [_in_memory(make_message(sender.own, receiver.own.certificate, size_bytes, number)) for number in range(count)]
    )
    inbox = Inbox(receiver.own, sender.trust)
    limit = _limit(receiver.own.key)

    def receive() -> None:
        inbox.receive(*next(messages), size_bytes)

    receive()
    seen: dict[str, list[float]] = {"limit_us": [], "receive_us": []}
    for _ in range(rounds):
        # Before and after: the machine's mood changes within a round too.
        before = _cpu_us(limit)
        seen["receive_us"].append(_cpu_us(receive))
        seen["limit_us"].append((before + _cpu_us(limit)) / 2)
    return seen


def _in_memory(message: Outgoing) -> tuple[Headers, list[bytes]]:
    body = b"".join(message.body)
    return message.headers, [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def _limit(key: rsa.RSAPrivateKey) -> Callable[[], None]:
    """One private decryption and one private signature, straight from the library."""
    encrypted = key.public_key().encrypt(_CONTENT_KEY, padding.PKCS1v15())
    scheme, hashed = padding.PKCS1v15(), Prehashed(hashes.SHA256())

    def operations() -> None:
        key.decrypt(encrypted, scheme)
        key.sign(_DIGEST, scheme, hashed)

    return operations


def _cpu_us(work: Callable[[], None]) -> float:
    """Of one call, over as many as fit into a turn."""
    count, begun = 0, time.process_time()
    while (used_s := time.process_time() - begun) < _TURN_S:
        work()
        count += 1
    return used_s / count * 1e6


def _write(file: Path, size_bytes: int) -> None:
    sender, receiver = make_party("sender", 2048), make_party("receiver", 2048)
    message = make_message(sender.own, receiver.own.certificate, size_bytes)
    with file.open("wb") as written:
        for piece in message.body:
            written.write(piece)
    kept = {
        "fields": message.headers.fields,
        "size_bytes": size_bytes,
        "sender": sender.own.certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "receiver": receiver.own.certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "key": _unencrypted(receiver.own.key),
    }
    with os.fdopen(os.open(_beside(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as beside:
        json.dump(kept, beside)


def _read(file: Path) -> None:
    kept = json.loads(_beside(file).read_text())
    key = serialization.load_pem_private_key(kept["key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    inbox = Inbox(_own_key(kept["receiver"], key), Party(_own_key(kept["sender"], key)).trust)
    headers = Headers(tuple((name, value) for name, value in kept["fields"]))
    inbox.receive(headers, _chunks(file), kept["size_bytes"])


def _own_key(certificate: str, key: rsa.RSAPrivateKey) -> OwnKey:
    loaded = x509.load_pem_x509_certificate(certificate.encode())
    return OwnKey("bench", loaded, key, (), loaded.not_valid_before_utc, loaded.not_valid_after_utc)


def _unencrypted(key: rsa.RSAPrivateKey) -> str:
    """For this run's files alone."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as body:
        while chunk := body.read(CHUNK_BYTES):
            yield chunk


def _beside(file: Path) -> Path:
    return file.with_suffix(".json")


if __name__ == "__main__":
    main(sys.argv[1:])
