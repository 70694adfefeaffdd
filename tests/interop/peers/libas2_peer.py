"""libas2 as a peer: a node process on loopback that `libas2/peer.js` drives, spoken to in JSON lines.

Owns the process and the words spoken with it. Must not know the gateway.
"""

import itertools
import json
import os
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from gateway.envelopes.as2.profile import Compression, DigestAlgorithm, EncryptionAlgorithm, Receipt
from tests.interop.peers.identities import Identity
from tests.interop.peers.installation import libas2_folder
from tests.interop.peers.matrix import Cell
from tests.interop.peers.ports import LOOPBACK, free_ports

# Each answer takes milliseconds; the rest is for a machine that does much else.
_ANSWER_S = 20
_STOP_S = 15
_DIGESTS = {
    DigestAlgorithm.SHA1: "sha-1",
    DigestAlgorithm.SHA256: "sha-256",
    DigestAlgorithm.SHA384: "sha-384",
    DigestAlgorithm.SHA512: "sha-512",
}
_ENCRYPTIONS = {
    EncryptionAlgorithm.TRIPLE_DES: "des-EDE3-CBC",
    EncryptionAlgorithm.AES128_CBC: "aes128-CBC",
    EncryptionAlgorithm.AES192_CBC: "aes192-CBC",
    EncryptionAlgorithm.AES256_CBC: "aes256-CBC",
}
# None of S/MIME's: an EnvelopedData, with the tag behind the ciphertext.
_OWN_KINDS = {EncryptionAlgorithm.AES256_GCM: "aes256-GCM"}
DIGESTS: tuple[DigestAlgorithm | None, ...] = (None, *_DIGESTS)
ENCRYPTIONS: tuple[EncryptionAlgorithm | None, ...] = (None, *_ENCRYPTIONS)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds under one AS2 name of libas2's. It sends to `url`, as `cell` says.

    What it receives must be as `receives` says: it does not look for itself what a message is.
    """

    cell: Cell
    receives: Cell
    url: str
    receipt_digest: DigestAlgorithm = DigestAlgorithm.SHA256

    def words(self, receipts_url: str | None) -> dict[str, Any]:
        """For `peer.js`. `receipts_url` is where it takes asynchronous receipts."""
        assert self.cell.compression is self.receives.compression is Compression.NONE, "libas2 has no compression"
        return {
            "url": self.url,
            "sign": self.cell.digest and _DIGESTS[self.cell.digest],
            "encrypt": self.cell.encryption and (_ENCRYPTIONS | _OWN_KINDS)[self.cell.encryption],
            "receipt": self.cell.receipt is not Receipt.NONE,
            "receiptUrl": receipts_url if self.cell.receipt is Receipt.ASYNCHRONOUS else None,
            "receiptDigest": _DIGESTS[self.receipt_digest],
            "decrypt": self.receives.encryption is not None,
            "verify": self.receives.digest is not None,
            "answerDigest": _DIGESTS[self.receipt_digest],
        }


@dataclass(frozen=True, slots=True)
class ReadReceipt:
    """An MDN as libas2 reads it. `mic` is base64 and the algorithm's name, None where there was none."""

    is_signed: bool
    original_message_id: str
    is_processed: bool
    description: str
    mic: tuple[str, str] | None

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> "ReadReceipt":
        """From what `peer.js` says."""
        mic, description = words["mic"], words["description"] or {"type": "", "text": ""}
        return cls(
            words["signed"],
            words["originalMessageId"],
            words["processed"],
            # It looks for `=` where others write `: `, so that modifier and text mostly stand in the type.
            f"{description['type']} {description['text']}".strip(),
            None if mic is None else (mic["mic"], mic["algorithm"]),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP answer to a message of libas2's, with the synchronous receipt. `fault`: what it could not do with it."""

    status: int
    receipt: ReadReceipt | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that libas2 took. `content` is None where it could not read it, for `reason`."""

    our_name: str
    message_id: str
    is_processed: bool
    reason: str
    content: bytes | None


class LibAs2:
    """One running node process; leave the `with` block to stop it."""

    def __init__(self, own: Identity, partner_name: str, partner_certificate: str, credentials: str = "") -> None:
        """`credentials` are `user:password` for HTTP Basic, where there are any."""
        self._own = own
        self._credentials = credentials
        self._partner = {"name": partner_name, "certificate": partner_certificate}
        self._said: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.url = f"http://{LOOPBACK}:{free_ports(1)[0]}/as2"

    def start(self, agreed: Mapping[str, Agreed], authority: Path) -> "LibAs2":
        """Start it and wait until it listens; `authority` is believed for TLS. Raises UnavailableError."""
        folder = libas2_folder()
        self._process = subprocess.Popen(
            ["node", str(folder / "peer.js")],
            cwd=folder,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(authority)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), name="libas2", daemon=True)
        self._reader.start()
        self._tell(
            {
                "url": self.url,
                "certificate": self._own.certificate_pem,
                "key": self._own.key_pem,
                "partner": self._partner,
                "credentials": self._credentials or None,
                "agreed": {name: each.words(self.url) for name, each in agreed.items()},
            }
        )
        self._first(lambda line: line.get("event") == "listening", "start of libas2")
        return self

    def stop(self) -> None:
        """End our own process, and only that: it ends with its standard input."""
        if self._process is None or self._reader is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOP_S)
        self._process = None

    def __enter__(self) -> "LibAs2":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def send(self, our_name: str, message_id: str, content: bytes, content_type: str) -> Answer:
        """Send a message under one of the agreed names and wait for the HTTP answer."""
        number = next(self._numbers)
        message = {
            "id": number,
            "ourName": our_name,
            "messageId": message_id,
            "content": b64encode(content).decode(),
            "contentType": content_type,
            "filename": "payload.edi",
        }
        self._tell(message)
        words = self._first(lambda line: line.get("id") == number, f"answer to {message_id}")
        if "fault" in words:
            return Answer(0, None, words["fault"])
        receipt = words["receipt"]
        return Answer(words["status"], None if receipt is None else ReadReceipt.of(receipt))

    def received(self, our_name: str, count: int = 1) -> ReceivedMessage:
        """Wait for the `count`th message to one of its names."""
        words = self._nth(
            lambda line: line.get("event") == "message" and line["ourName"] == our_name,
            count,
            f"message {count} to {our_name}",
        )
        content = words["content"]
        return ReceivedMessage(
            our_name,
            words["messageId"],
            words["processed"],
            words["reason"],
            None if content is None else b64decode(content),
        )

    def receipt(self, message_id: str) -> ReadReceipt:
        """Wait for the asynchronous receipt of a message that it sent."""
        return ReadReceipt.of(
            self._first(
                lambda line: line.get("event") == "receipt" and line["originalMessageId"] == message_id,
                f"receipt of {message_id}",
            )
        )

    def _tell(self, words: dict[str, Any]) -> None:
        assert self._process is not None, "libas2 does not run"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def _read(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                with self._changed:
                    self._said.append(json.loads(line))
                    self._changed.notify_all()

    def _first(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        return self._nth(wanted, 1, what)

    def _nth(self, wanted: Callable[[dict[str, Any]], bool], count: int, what: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next(itertools.islice(filter(wanted, self._said), count - 1, None), None)

        with self._changed:
            words = self._changed.wait_for(found, _ANSWER_S)
        faults = [line["text"] for line in self._said if line.get("event") == "fault"]
        assert words is not None, f"no {what} within {_ANSWER_S} s. {faults}"
        return words
