"""Every certificate that settings and partners name, ours and theirs, with the time in which it counts.

Owns the list and where each one is written down. Must not know what day it is, nor what follows from an end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from cryptography import x509

from gateway.definitions.certificates import CredentialError, Window, fingerprint, name_text, read_certificate, window
from gateway.definitions.partners.load import LoadedPartners, PartnerFile
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.settings import Settings
from gateway.envelopes.as2.credentials import CertificateUse


class Purpose(StrEnum):
    """What a certificate is for."""

    TLS_SERVER = "TLS server"
    TLS_AUTHORITY = "TLS authority"
    TLS_CLIENT = "TLS client"
    AS2_KEY = "AS2 key"
    AS2_BOTH = "AS2 sign, encrypt"
    AS2_SIGN = "AS2 sign"
    AS2_ENCRYPT = "AS2 encrypt"
    AS2_AUTHORITY = "AS2 authority"


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """One certificate. `partner` is empty for ours; `name` is its key, relationship or principal.

    `valid_from` and `valid_until` are None where only a fingerprint is known. `place` is where it is written down;
    its message is empty.
    """

    partner: str
    purpose: Purpose
    name: str
    subject: str
    sha256: str
    valid_from: datetime | None
    valid_until: datetime | None
    place: Fault


def held_certificates(settings: Settings, loaded: LoadedPartners) -> tuple[HeldCertificate, ...]:
    """Ours, then those of every sound partner in order of its id."""
    return (
        *_tls_of_ours(settings),
        *_own_keys(settings),
        *(held for file in loaded.files for held in (*_tls_clients(file), *_of_relationships(file))),
    )


def _tls_of_ours(settings: Settings) -> Iterator[HeldCertificate]:
    authorities = settings.https.client_authorities
    files = ((settings.https.certificate, Purpose.TLS_SERVER), *((file, Purpose.TLS_AUTHORITY) for file in authorities))
    for file, purpose in files:
        try:
            certificate, _ = read_certificate(file.read_bytes())
            usable = window(certificate)
        except (OSError, CredentialError):
            continue  # a fault of its own
        place = Fault(str(file), 0, "", "")
        yield _held(certificate, usable, partner="", purpose=purpose, name=file.name, place=place)


def _own_keys(settings: Settings) -> Iterator[HeldCertificate]:
    for key in settings.as2.keys:
        usable = Window(key.valid_from, key.valid_until)
        place = settings.document.fault(_key_place(settings.document, key.name), "")
        yield _held(key.certificate, usable, partner="", purpose=Purpose.AS2_KEY, name=key.name, place=place)


def _key_place(document: TomlDocument, name: str) -> tuple[str | int, ...]:
    """By name: the settings in use leave faulty keys out."""
    tables = document.data["as2"]["key"]
    return ("as2", "key", next(number for number, table in enumerate(tables) if table["name"] == name))


def _tls_clients(file: PartnerFile) -> Iterator[HeldCertificate]:
    for number, credential in enumerate(file.certificates):
        subject = ""
        if credential.pem:
            subject = name_text(x509.load_pem_x509_certificate(credential.pem.encode()).subject)
        yield HeldCertificate(
            partner=file.partner.id,
            purpose=Purpose.TLS_CLIENT,
            name=credential.principal.name,
            subject=subject,
            sha256=credential.sha256,
            valid_from=credential.valid_from,
            valid_until=credential.valid_until,
            place=file.document.fault(("certificate", number), ""),
        )


def _of_relationships(file: PartnerFile) -> Iterator[HeldCertificate]:
    held = partial(_held, partner=file.partner.id)
    for at, relationship in enumerate(file.relationships):
        for number, pinned in enumerate(relationship.trust.certificates):
            usable, purpose = Window(pinned.valid_from, pinned.valid_until), _purpose(pinned.uses)
            place = file.document.fault(("as2", at, "certificate", number), "")
            yield held(pinned.certificate, usable, purpose=purpose, name=relationship.name, place=place)
        for number, trusted in enumerate(relationship.trust.authorities):
            usable, purpose = window(trusted.authority), Purpose.AS2_AUTHORITY
            place = file.document.fault(("as2", at, "authority", number), "")
            yield held(trusted.authority, usable, purpose=purpose, name=relationship.name, place=place)


def _purpose(uses: frozenset[CertificateUse]) -> Purpose:
    if len(uses) > 1:
        return Purpose.AS2_BOTH
    return Purpose.AS2_SIGN if CertificateUse.SIGN in uses else Purpose.AS2_ENCRYPT


def _held(
    certificate: x509.Certificate, usable: Window, *, partner: str, purpose: Purpose, name: str, place: Fault
) -> HeldCertificate:
    return HeldCertificate(
        partner=partner,
        purpose=purpose,
        name=name,
        subject=name_text(certificate.subject),
        sha256=fingerprint(certificate),
        valid_from=usable.begins,
        valid_until=usable.ends,
        place=place,
    )
