"""OpenAS2 beside: CPU of its Java process for one message that it receives and answers with a signed receipt.

Owns the driving of a live OpenAS2 over plain HTTP on loopback, after a warm-up in which Java compiles. It decrypts,
verifies, keeps payload and receipt in a file each (unsynced) and logs, as it comes. Must not know our figures.
"""

import http.client
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from as2_messages import RECEIVER, SENDER, make_message, make_party
from measure import MEGA, WORK, Row, Skipped, UnfitError
from site_of_bench import cpu_s

# The peers' side of the interop tests, which lies beside this folder.
sys.path.insert(0, str(Path(__file__).parent.parent))

from gateway.cli.development_certificates import make_development_certificates
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm
from gateway.envelopes.mime.headers import Headers
from tests.interop.peers.identities import make_identity
from tests.interop.peers.installation import OPENAS2, UnavailableError
from tests.interop.peers.matrix import Cell
from tests.interop.peers.openas2_peer import OpenAs2, Partnership
from tests.interop.peers.openas2_settings import write_tls

CELL = Cell(DigestAlgorithm.SHA256, EncryptionAlgorithm.AES256_CBC)
# Java's compilers work beside for the first thousands of messages; afterwards a message costs the same.
WARM_UP_MESSAGES = 3_000
MEASURED_MESSAGES = 1_000
# Large ones: so that a size is not longer than this many bytes in all.
MOST_BYTES = 300 * MEGA
LEAST_MESSAGES = 10
_TIMEOUT_S = 60


def rows(sizes: Mapping[str, int], *, limit_us: float) -> Iterator[Row | Skipped]:
    """One for each size, with keys of RSA-2048. `limit_us` is of our machine at this moment."""
    try:
        for name, used_us in cpu_us(sizes).items():
            what = f"OpenAS2 {OPENAS2}: receive + signed MDN, {name}, RSA-2048"
            detail = f"{limit_us / used_us:.1%} of the RSA limit; its own HTTP, files and log included"
            yield Row(what, used_us, "us a message", is_least=False, detail=detail)
    except UnavailableError as reason:
        yield Skipped(f"OpenAS2 {OPENAS2}", str(reason))


def cpu_us(sizes: Mapping[str, int]) -> dict[str, float]:
    """CPU microseconds a message, user + system of all its threads, by size. Raises UnavailableError, UnfitError."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="openas2-", dir=WORK) as name:
        folder = Path(name)
        sender, identity = make_party("sender", 2048), make_identity("openas2")
        tls = write_tls(folder, make_development_certificates(folder / "certificates", ("client",)), "client")
        partners = {"sender": sender.own.certificate}
        # As its own start script runs Java: all compilers.
        with OpenAs2(folder, identity, partners, tls, java_options=()) as openas2:
            openas2.start([Partnership(RECEIVER, SENDER, CELL, openas2.url, "sender")])
            smallest = min(sizes.values())
            found = {}
            for size, size_bytes in sizes.items():
                message = make_message(sender.own, identity.certificate, size_bytes)
                drive = _Drive(openas2, message.headers, b"".join(message.body))
                count = max(min(MEASURED_MESSAGES, MOST_BYTES // size_bytes), LEAST_MESSAGES)
                drive.send(WARM_UP_MESSAGES if size_bytes == smallest else count)
                begun_s = cpu_s(openas2.process_id)
                drive.send(count)
                found[size] = (cpu_s(openas2.process_id) - begun_s) / count * 1e6
            return found


class _Drive:
    """Sends one message again and again. The Message-ID is no part of what is signed, so that each has its own."""

    def __init__(self, openas2: OpenAs2, headers: Headers, body: bytes) -> None:
        address = urlsplit(openas2.url)
        self._host, self._port = address.hostname or "", address.port
        self._fields = {name: value for name, value in headers.fields if name.lower() != "message-id"}
        self._body = body
        self._number = 0

    def send(self, count: int) -> None:
        """One after another, each on a connection of its own: OpenAS2 closes it after each answer."""
        for _ in range(count):
            self._number += 1
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
            fields = {**self._fields, "Message-ID": f"<{len(self._body)}-{self._number}@bench>"}
            connection.request("POST", "/as2", self._body, fields)
            answer = connection.getresponse()
            receipt = answer.read()
            connection.close()
            if answer.status != http.client.OK or b"; processed\r\n" not in receipt:
                raise UnfitError(f"OpenAS2 answered {answer.status} without a receipt that says processed")


def main() -> None:
    """Print the figure of the smallest size."""
    for size, used_us in cpu_us({"2 KB": 2_048}).items():
        print(f"{size}: {used_us:.0f} us a message")


if __name__ == "__main__":
    main()
