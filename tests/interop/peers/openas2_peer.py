"""OpenAS2 as a peer: a Java process on loopback, with partnerships for the cells of a matrix.

Owns its settings, its process, and what its folders say: what it received, and what became of what it sent. Its
settings are those of its handbook; it is spoken to by files alone, as its users do: one dropped into the outbox is
sent, one received lies in the inbox. Must not know the gateway.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from xml.sax.saxutils import quoteattr

from cryptography import x509

from gateway.envelopes.as2.profile import Compression, DigestAlgorithm, EncryptionAlgorithm, Receipt
from tests.interop.peers.identities import Identity, key_store
from tests.interop.peers.installation import OPENAS2, openas2_class_path
from tests.interop.peers.matrix import Cell
from tests.interop.peers.openas2_settings import Keys, Ports, Tls, configuration
from tests.interop.peers.ports import LOOPBACK, free_ports
from tests.interop.peers.waiting import awaited

# A cold JVM on a machine that compiles beside it.
_START_S = 60
_STOP_S = 15
# The outbox is looked at each second and a file is taken at the second look; then all are sent one after another.
SETTLED_S = 30
_STARTED = f"OpenAS2 Server v{OPENAS2} started."
_SEPARATOR = "+"
_KEY_STORE_PASSWORD = "interop"
_DIGESTS = {
    DigestAlgorithm.SHA1: "SHA-1",
    DigestAlgorithm.SHA256: "SHA-256",
    DigestAlgorithm.SHA384: "SHA-384",
    DigestAlgorithm.SHA512: "SHA-512",
}
# It knows no AES-GCM: a message of type AuthEnvelopedData is for it not encrypted at all.
_ENCRYPTIONS = {
    EncryptionAlgorithm.TRIPLE_DES: "3DES",
    EncryptionAlgorithm.AES128_CBC: "AES128",
    EncryptionAlgorithm.AES192_CBC: "AES192",
    EncryptionAlgorithm.AES256_CBC: "AES256",
}
DIGESTS: tuple[DigestAlgorithm | None, ...] = (None, *_DIGESTS)
ENCRYPTIONS: tuple[EncryptionAlgorithm | None, ...] = (None, *_ENCRYPTIONS)


@dataclass(frozen=True, slots=True)
class Partnership:
    """Both directions between two AS2 names: `own` is OpenAS2's, `partner` the other's, who listens at `url`.

    What OpenAS2 sends is as `cell` says; what it receives may be anything. `alias` is of the partner's certificate.
    """

    own: str
    partner: str
    cell: Cell
    url: str
    alias: str
    # What the MDN shall be signed with; also the digest of its MIC.
    receipt_digest: DigestAlgorithm = DigestAlgorithm.SHA256
    transfer_encoding: str = "binary"


@dataclass(frozen=True, slots=True)
class ReceivedReceipt:
    """An MDN that OpenAS2 has taken, as it kept it."""

    disposition: str
    mic: str
    original_message_id: str


class OpenAs2:
    """One running server; leave the `with` block to stop it."""

    def __init__(
        self,
        folder: Path,
        own: Identity,
        partners: Mapping[str, x509.Certificate],
        tls: Tls,
        java_options: Sequence[str] = ("-XX:TieredStopAtLevel=1",),
    ) -> None:
        self._folder = folder
        self._own = own
        self._partners = dict(partners)
        self._tls = tls
        self._java_options = list(java_options)
        self.ports = Ports(*free_ports(len(Ports.__dataclass_fields__)))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, partnerships: Sequence[Partnership]) -> "OpenAs2":
        """Write the settings and wait until it listens. Raises UnavailableError, AssertionError."""
        self._write(partnerships)
        command = [
            "java",
            *self._java_options,
            "-Xmx1g",
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.awt.headless=true",
            "-Dorg.apache.commons.logging.Log=org.openas2.logging.Log",
            f"-Djavax.net.ssl.trustStore={self._tls.trust_store}",
            f"-Djavax.net.ssl.trustStorePassword={self._tls.password}",
            "-Djavax.net.ssl.trustStoreType=PKCS12",
            f"-Djavax.net.ssl.keyStore={self._tls.client_store}",
            f"-Djavax.net.ssl.keyStorePassword={self._tls.password}",
            "-Djavax.net.ssl.keyStoreType=PKCS12",
            "-cp",
            openas2_class_path(),
            "org.openas2.app.OpenAS2Server",
            str(self._folder / "config.xml"),
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        awaited(self._is_started, _START_S, "start of OpenAS2", self.log)
        return self

    def stop(self) -> None:
        """End our own process, and only that."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> "OpenAs2":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int:
        """Of the Java process, while it runs."""
        assert self._process is not None, "OpenAS2 does not run"
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it takes messages, without TLS."""
        return f"http://{LOOPBACK}:{self.ports.messages}/as2"

    @property
    def tls_url(self) -> str:
        """Where it takes messages over TLS, with a certificate for `localhost`."""
        return f"https://localhost:{self.ports.messages_tls}/as2"

    @property
    def receipts_target(self) -> str:
        """Host and port of `receipts_url`."""
        return f"{LOOPBACK}:{self.ports.receipts}"

    @property
    def receipts_url(self) -> str:
        """Where it takes asynchronous MDNs."""
        return f"http://{self.receipts_target}/mdn"

    def log(self) -> str:
        """What it has logged, the end of it."""
        return (self._folder / "log").read_text("utf-8", "replace")[-6000:]

    def drop(self, partnership: Partnership, name: str, content: bytes) -> str:
        """Hand it a file to send. Gives the Message-ID that the message will have."""
        writing = self._folder / "writing"
        writing.write_bytes(content)
        writing.rename(self._data("outbox") / _SEPARATOR.join((partnership.own, partnership.partner, name)))
        return f"<{name}@{partnership.own}.{partnership.partner}>"

    def sent(self, message_id: str) -> bool:
        """Wait for the end of a message that asked for an MDN: True, if it got one that it likes.

        A message that asked for none has no end: OpenAS2 keeps it as pending.
        """

        def look() -> bool | None:
            if self._kept("sent", message_id).exists():
                return True
            return False if self._kept("failed", message_id).exists() else None

        return awaited(look, SETTLED_S, f"end of {message_id}", self.log)

    def receipt(self, message_id: str) -> ReceivedReceipt:
        """Wait for the MDN of a message that it sent."""
        kept = self._kept("receipts", message_id)
        text = awaited(lambda: _content(kept), SETTLED_S, f"MDN of {message_id}", self.log).decode()
        attributes = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        return ReceivedReceipt(attributes["DISPOSITION"], attributes["MIC"], attributes["ORIGINAL_MESSAGE_ID"])

    def received(self, own: str, message_id: str) -> bytes:
        """Wait for the payload of a message to one of its AS2 names."""
        kept = self._data("inbox") / own / _file_name(message_id)
        return awaited(lambda: _content(kept), SETTLED_S, f"{message_id} in the inbox", self.log)

    def received_by(self, own: str, count: int = 1) -> list[bytes]:
        """Wait for `count` payloads to one of its AS2 names; all of them, in the order of their arrival."""
        folder = self._data("inbox") / own

        def look() -> list[bytes] | None:
            paths = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns)
            return [path.read_bytes() for path in paths] if len(paths) >= count else None

        return awaited(look, SETTLED_S, f"{count} payloads to {own}", self.log)

    def _data(self, name: str) -> Path:
        return self._folder / "data" / name

    def _kept(self, where: str, message_id: str) -> Path:
        return self._data(where) / _file_name(message_id)

    def _is_started(self) -> bool | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"OpenAS2 ended with {self._process.returncode}: {self.log()}")
        # Its last word once all listeners are bound; a probe of ours would be an error in its log.
        return True if _STARTED in (self._folder / "log").read_text("utf-8", "replace") else None

    def _write(self, partnerships: Sequence[Partnership]) -> None:
        for name in ("outbox", "writing-in", "pending", "pending-info"):
            self._data(name).mkdir(parents=True, exist_ok=True)
        keys = Keys(self._folder / "keys.p12", _KEY_STORE_PASSWORD)
        keys.file.write_bytes(key_store(self._own, self._partners, keys.password))
        text = configuration(self._folder, keys, self.ports, self._tls, _SEPARATOR)
        (self._folder / "config.xml").write_text(text)
        (self._folder / "commands.xml").write_text("<commands/>")
        (self._folder / "partnerships.xml").write_text(self._partnerships(partnerships))

    def _partnerships(self, partnerships: Sequence[Partnership]) -> str:
        aliases = {each.own: self._own.name for each in partnerships}
        aliases |= {each.partner: each.alias for each in partnerships}
        partners = [
            f"<partner name={quoteattr(name)} as2_id={quoteattr(name)} x509_alias={quoteattr(alias)}"
            ' email="interop@example.test"/>'
            for name, alias in aliases.items()
        ]
        ways = [self._way(each) for each in partnerships]
        back = [_partnership(each.partner, each.own, {}) for each in partnerships]
        return "\n".join(["<partnerships>", *partners, *dict.fromkeys([*ways, *back]), "</partnerships>"])

    def _way(self, partnership: Partnership) -> str:
        cell = partnership.cell
        attributes = {
            "as2_url": partnership.url,
            "content_type": cell.payload.content_type,
            "content_transfer_encoding": partnership.transfer_encoding,
            "resend_max_retries": "0",
            "as2_mdn_options": "none",
        }
        if cell.digest is not None:
            attributes["sign"] = _DIGESTS[cell.digest]
        if cell.encryption is not None:
            attributes["encrypt"] = _ENCRYPTIONS[cell.encryption]
        if cell.compression is not Compression.NONE:
            attributes["compression_type"] = "ZLIB"
            after = cell.compression is Compression.AFTER_SIGNING
            attributes["compression_mode"] = "compress-after-signing" if after else "compress-before-signing"
        if cell.receipt is not Receipt.NONE:
            attributes["as2_mdn_to"] = "interop@example.test"
            attributes["as2_mdn_options"] = (
                "signed-receipt-protocol=optional, pkcs7-signature;"
                f" signed-receipt-micalg=optional, {_DIGESTS[partnership.receipt_digest]}"
            )
        if cell.receipt is Receipt.ASYNCHRONOUS:
            attributes["as2_receipt_option"] = self.receipts_url
        return _partnership(partnership.own, partnership.partner, attributes)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _file_name(message_id: str) -> str:
    return message_id.strip("<>")


def _partnership(sender: str, receiver: str, attributes: Mapping[str, str]) -> str:
    lines = [f'<attribute name="{name}" value={quoteattr(value)}/>' for name, value in attributes.items()]
    return "\n".join(
        [
            f"<partnership name={quoteattr(sender + _SEPARATOR + receiver)}>",
            f"<sender name={quoteattr(sender)}/><receiver name={quoteattr(receiver)}/>",
            '<attribute name="protocol" value="as2"/><attribute name="subject" value="interop"/>',
            *lines,
            "</partnership>",
        ]
    )
