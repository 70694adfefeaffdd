"""Loads every partner's file: agreements, relationships and credentials of the sound ones, faults of the others.

A broken file puts its own partner out and nobody else. Loading again and swapping the result is a reload. Must not know
who uses what is loaded.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.definitions.forms import read_form
from gateway.definitions.partners.agreements import AgreementReader
from gateway.definitions.partners.credentials import (
    CertificateCredential,
    Credentials,
    PasswordCredential,
    read_certificates,
    read_passwords,
)
from gateway.definitions.partners.dispatch import dispatch_secret_files
from gateway.definitions.partners.form import PartnerForm
from gateway.definitions.partners.relationships import RelationshipReader
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml
from gateway.definitions.settings import As2Settings
from gateway.pipeline.agreements import Agreements, Identity, Partner
from gateway.pipeline.relationships import Relationship, Relationships

_PARTNER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# For partners without AS2.
NO_AS2 = As2Settings()

_Read = TypeVar("_Read", PasswordCredential, CertificateCredential)


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """One sound file. `retention_days` is None where those of the settings apply."""

    document: TomlDocument
    partner: Partner
    passwords: tuple[PasswordCredential, ...]
    certificates: tuple[CertificateCredential, ...]
    relationships: tuple[Relationship, ...]
    retention_days: int | None
    secret_files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class LoadedPartners:
    """What the whole folder says. All but `faults` and `out` hold the sound partners alone.

    `retention_days` are those of partners that have their own, disabled ones too. `out` are the ids of partners whose
    file is faulty: what it says of retention is not known.
    """

    agreements: Agreements
    relationships: Relationships
    credentials: Credentials
    retention_days: dict[str, int]
    out: frozenset[str]
    files: tuple[PartnerFile, ...]
    faults: tuple[Fault, ...]


def load_partners(folder: Path, our_identities: Iterable[Identity], as2: As2Settings = NO_AS2) -> LoadedPartners:
    """Read `*.toml` of `folder` in order of name; never raises for what a file says.

    Two files that share an identity, a pair of AS2 names, a user or a certificate: the later is out.
    """
    ours = frozenset(our_identities)
    sound: list[PartnerFile] = []
    faults: list[Fault] = []
    out: set[str] = set()
    if not folder.is_dir():
        faults.append(Fault(str(folder), 0, "", "is no folder: no partner can send anything"))
    for path in sorted(folder.glob("*.toml")):
        loaded = _load_file(path, ours, as2)
        found = tuple(_overlaps(loaded, sound)) if isinstance(loaded, PartnerFile) else loaded
        if isinstance(loaded, PartnerFile) and not found:
            sound.append(loaded)
        else:
            faults.extend(found)
            out.add(path.stem)
    return _together(sound, faults, out, as2)


def _together(sound: list[PartnerFile], faults: list[Fault], out: set[str], as2: As2Settings) -> LoadedPartners:
    enabled = [file for file in sound if file.partner.is_enabled]
    return LoadedPartners(
        agreements=Agreements.of(file.partner for file in sound),
        relationships=Relationships.of(
            (relationship for file in enabled for relationship in file.relationships), as2.receipt_url
        ),
        credentials=Credentials(
            passwords={entry.user: entry for file in enabled for entry in file.passwords},
            certificates={entry.sha256: entry for file in enabled for entry in file.certificates},
        ),
        retention_days={file.partner.id: file.retention_days for file in sound if file.retention_days is not None},
        out=frozenset(out),
        files=tuple(sound),
        faults=tuple(faults),
    )


def _load_file(path: Path, ours: frozenset[Identity], as2: As2Settings) -> PartnerFile | tuple[Fault, ...]:
    try:
        document = read_toml(str(path), path.read_bytes())
    except OSError as error:
        return (Fault(str(path), 0, "", f"cannot be read: {error.strerror}"),)
    except DefinitionError as error:
        return error.faults
    partner_id = path.stem
    if _PARTNER_ID.fullmatch(partner_id) is None:
        return (Fault(str(path), 0, "", "the file's name is the partner's id: small letters, digits and dashes"),)
    form, faults = read_form(PartnerForm, document)
    if form is None:
        return faults
    folder = path.parent
    passwords, password_faults = _parted(read_passwords(document, partner_id, form, folder))
    certificates, certificate_faults = _parted(read_certificates(document, partner_id, form, folder))
    agreement_reader = AgreementReader(document, partner_id, form, folder, ours)
    agreements = tuple(agreement_reader.agreement(number, entry) for number, entry in enumerate(form.agreement))
    is_vouched_for = bool(form.password or form.certificate)
    relationship_reader = RelationshipReader(document, partner_id, folder, as2, is_vouched_for=is_vouched_for)
    relationships = tuple(relationship_reader.relationship(number, entry) for number, entry in enumerate(form.as2))
    all_faults = (*password_faults, *certificate_faults, *agreement_reader.faults, *relationship_reader.faults)
    if all_faults:
        return all_faults
    return PartnerFile(
        document=document,
        partner=Partner(
            id=partner_id,
            name=form.name,
            is_enabled=form.enabled,
            identities=frozenset(entry.identity() for entry in form.identity),
            agreements=agreements,
        ),
        passwords=passwords,
        certificates=certificates,
        relationships=relationships,
        retention_days=form.retention_days,
        secret_files=tuple(file for entry in form.as2 for file in dispatch_secret_files(entry.dispatch, folder)),
    )


def _parted(found: Iterator[_Read | Fault]) -> tuple[tuple[_Read, ...], tuple[Fault, ...]]:
    """What could be read, and the faults."""
    everything = tuple(found)
    faults = tuple(one for one in everything if isinstance(one, Fault))
    return tuple(one for one in everything if not isinstance(one, Fault)), faults


def _overlaps(file: PartnerFile, others: list[PartnerFile]) -> Iterable[Fault]:
    for other in others:
        if file.partner.is_enabled and other.partner.is_enabled:
            for identity in sorted(
                file.partner.identities & other.partner.identities, key=lambda one: (one.qualifier, one.id)
            ):
                yield file.document.fault(
                    ("identity",), f"{identity.qualifier} {identity.id} is an identity of {other.partner.id} too"
                )
            yield from _shared_names(file, other)
        for user in sorted({one.user for one in file.passwords} & {one.user for one in other.passwords}):
            yield file.document.fault(("password",), f"the user {user} is one of {other.partner.id} too")
        if {one.sha256 for one in file.certificates} & {one.sha256 for one in other.certificates}:
            yield file.document.fault(("certificate",), f"the certificate is one of {other.partner.id} too")


def _shared_names(file: PartnerFile, other: PartnerFile) -> Iterator[Fault]:
    """A message with these names could be of either."""
    taken = {(one.our_name, one.partner_name) for one in other.relationships}
    for number, one in enumerate(file.relationships):
        if (one.our_name, one.partner_name) in taken:
            message = f"{one.partner_name} and {one.our_name} are a relationship with {other.partner.id} too"
            yield file.document.fault(("as2", number, "partner_name"), message)
