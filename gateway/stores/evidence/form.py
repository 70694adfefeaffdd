"""The form of a bundle: a ZIP file with a manifest that names every other file and its SHA-256.

Owns names and the manifest. Must not know what the files hold.

    manifest.json            form, subject, head of the archive's chain, parts, signed entity, certificates
    parts/N-ROLE             each body as it was archived
    proofs/N.json            that the head stands for it (docs/archive.md)
    signed.mime              the message without encryption: what its sender signed
    certificates/SHA256.pem  of every signature
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FORM = "gateway-evidence-1"
MANIFEST = "manifest.json"
SIGNED = "signed.mime"
# A manifest of a message with a thousand acknowledgements has 400 KB.
MAXIMUM_MANIFEST_BYTES = 8 << 20


class Role(StrEnum):
    """What a part is of the message."""

    MESSAGE = "message"  # as it came over AS2, headers first
    PAYLOAD = "payload"  # the interchange; over HTTPS all that came
    RECEIPT = "receipt"  # our MDN
    ACKNOWLEDGEMENT = "acknowledgement"  # TA1, 999, 997
    DISPATCH = "dispatch"  # our AS2 message that carried one, headers first
    DISPATCH_RECEIPT = "dispatch-receipt"  # the partner's MDN for it


class BundleMalformed(ValueError):
    """The file is no bundle; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One archived body. `head_size` is where its body begins, 0 where it has no headers of its own.

    `about` are facts of the ledger: control number, Message-ID, MICs. They are claims of ours that the check compares.
    """

    number: int
    role: Role
    head_size: int
    about: Mapping[str, str]
    sha256: str = ""

    @property
    def file(self) -> str:
        """Where the body is in the bundle."""
        return f"parts/{self.number}-{self.role.value}"

    @property
    def proof_file(self) -> str:
        """Where its proof is."""
        return f"proofs/{self.number}.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself. `head` is the text of the archive's head; `signed_sha256` empty where none."""

    made_at: str
    subject: Mapping[str, str]
    head: str
    parts: tuple[Part, ...]
    signed_sha256: str
    certificates: tuple[str, ...]

    def encode(self) -> bytes:
        """As JSON."""
        document = {"form": FORM, **asdict(self), "parts": [asdict(part) for part in self.parts]}
        return json.dumps(document, indent=1, sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """What `encode` wrote. Raises BundleMalformed."""
        try:
            document = json.loads(data)
            if document["form"] != FORM:
                raise BundleMalformed("The bundle is of no known form.")
            return cls(
                made_at=_text(document["made_at"]),
                subject=_facts(document["subject"]),
                head=_text(document["head"]),
                parts=tuple(_part(each) for each in document["parts"]),
                signed_sha256=_text(document["signed_sha256"]),
                certificates=tuple(_text(each) for each in document["certificates"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BundleMalformed):
                raise
            raise BundleMalformed("The manifest is malformed.") from error


def _part(value: Any) -> Part:
    number, head_size = value["number"], value["head_size"]
    if not (isinstance(number, int) and isinstance(head_size, int) and head_size >= 0):
        raise BundleMalformed("A part of the manifest is malformed.")
    return Part(number, Role(value["role"]), head_size, _facts(value["about"]), _text(value["sha256"]))


def _facts(value: Any) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BundleMalformed("The manifest is malformed.")
    return value


def certificate_file(sha256: str) -> str:
    """Where a certificate is in the bundle."""
    return f"certificates/{sha256}.pem"
