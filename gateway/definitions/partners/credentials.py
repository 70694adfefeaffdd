"""Who may connect: users with argon2 hashes and client certificates, each with its principal.

Owns what proves a principal. Must not know sockets, or how a password is verified.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path

from gateway.definitions.certificates import CredentialError, end_of_day, fingerprint, pem, read_certificate, window
from gateway.definitions.partners.form import CertificateForm, PartnerForm, PasswordForm
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.secret_values import read_secret
from gateway.model.exchange import Authentication, Principal

# PHC string format; argon2d is not for passwords. Version 19 is the only one in use.
_ARGON2 = re.compile(r"\$argon2id?\$v=19\$m=\d{1,9},t=\d{1,4},p=\d{1,3}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}")


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    """A user of HTTP Basic; the hash is in PHC form."""

    user: str
    principal: Principal
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateCredential:
    """A client certificate by its SHA-256 (hex, lower case). `pem` is empty where only the SHA-256 is known."""

    sha256: str
    principal: Principal
    valid_from: datetime | None
    valid_until: datetime | None
    pem: str = field(repr=False)

    def is_valid(self, now: datetime) -> bool:
        """Within the window of certificate and agreement."""
        return (self.valid_from is None or self.valid_from <= now) and (
            self.valid_until is None or now < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """All credentials of all enabled partners. Swapped whole by a reload."""

    passwords: dict[str, PasswordCredential] = field(default_factory=dict, repr=False)
    certificates: dict[str, CertificateCredential] = field(default_factory=dict)

    def password(self, user: str) -> PasswordCredential | None:
        """The credential of a user name."""
        return self.passwords.get(user)

    def certificate(self, sha256: str, now: datetime) -> CertificateCredential | None:
        """The credential of a certificate that is within its window."""
        found = self.certificates.get(sha256.lower())
        return found if found is not None and found.is_valid(now) else None

    def pinned_certificates(self) -> tuple[str, ...]:
        """PEM texts that the TLS listener must trust as they stand."""
        return tuple(found.pem for found in self.certificates.values() if found.pem)


def read_passwords(
    document: TomlDocument, partner: str, form: PartnerForm, folder: Path
) -> Iterator[PasswordCredential | Fault]:
    """The users of one file; a fault where a hash is not there or is no argon2 hash."""
    for number, entry in enumerate(form.password):
        path = ("password", number)
        try:
            stored = _password_hash(entry, folder)
        except ValueError as error:
            yield document.fault(path, str(error))
            continue
        principal = Principal(partner, entry.user, Authentication.BASIC)
        yield PasswordCredential(entry.user, principal, stored)


def read_certificates(
    document: TomlDocument, partner: str, form: PartnerForm, folder: Path
) -> Iterator[CertificateCredential | Fault]:
    """The client certificates of one file; a fault where one cannot be read."""
    for number, entry in enumerate(form.certificate):
        principal = Principal(partner, entry.name, Authentication.MUTUAL_TLS)
        try:
            yield _certificate(entry, principal, folder)
        except OSError as error:
            yield document.fault(("certificate", number), f"the certificate cannot be read: {error.strerror}")
        except CredentialError as error:
            yield document.fault(("certificate", number), f"{entry.file} {error}")


def _password_hash(entry: PasswordForm, folder: Path) -> str:
    stored = read_secret(folder, entry.password_hash, entry.password_hash_file, entry.password_hash_environment)
    if _ARGON2.fullmatch(stored) is None:
        raise ValueError("the password hash is no argon2id hash ($argon2id$v=19$m=...)")
    return stored


def _certificate(entry: CertificateForm, principal: Principal, folder: Path) -> CertificateCredential:
    if entry.file is None:
        begins = None if entry.valid_from is None else datetime.combine(entry.valid_from, time.min, UTC)
        ends = None if entry.valid_until is None else end_of_day(entry.valid_until)
        return CertificateCredential(entry.sha256 or "", principal, begins, ends, "")
    certificate, _ = read_certificate((folder / entry.file).read_bytes())
    usable = window(certificate, entry.valid_from, entry.valid_until)
    return CertificateCredential(
        sha256=fingerprint(certificate),
        principal=principal,
        valid_from=usable.begins,
        valid_until=usable.ends,
        pem=pem([certificate]).decode("ascii"),
    )
