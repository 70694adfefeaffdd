"""Loads every partner's file: agreements and credentials of the sound ones, faults of the others.

A broken file puts its own partner out and nobody else. Loading again and swapping the result is a reload. Must not know
who uses what is loaded.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.definitions import programs
from gateway.definitions.forms import read_form
from gateway.definitions.partners.credentials import (
    CertificateCredential,
    Credentials,
    PasswordCredential,
    read_certificates,
    read_passwords,
)
from gateway.definitions.partners.form import AcknowledgeForm, AgreementForm, PartnerForm
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml
from gateway.formats.x12.acknowledge import AckPolicy
from gateway.formats.x12.segments import Delimiters
from gateway.pipeline.agreements import (
    AgreedGuide,
    Agreement,
    Agreements,
    Identity,
    Limits,
    Partner,
    UsageIndicator,
)

_PARTNER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """One sound file."""

    document: TomlDocument
    partner: Partner
    passwords: tuple[PasswordCredential, ...]
    certificates: tuple[CertificateCredential, ...]


@dataclass(frozen=True, slots=True)
class LoadedPartners:
    """What the whole folder says. `agreements` and `credentials` hold the sound partners alone."""

    agreements: Agreements
    credentials: Credentials
    files: tuple[PartnerFile, ...]
    faults: tuple[Fault, ...]


def load_partners(folder: Path, our_identities: Iterable[Identity]) -> LoadedPartners:
    """Read `*.toml` of `folder` in order of name; never raises for what a file says.

    Two files that share an identity, a user or a certificate: the later is out.
    """
    ours = frozenset(our_identities)
    sound: list[PartnerFile] = []
    faults: list[Fault] = []
    if not folder.is_dir():
        faults.append(Fault(str(folder), 0, "", "is no folder: no partner can send anything"))
    for path in sorted(folder.glob("*.toml")):
        loaded = _load_file(path, ours)
        if isinstance(loaded, PartnerFile):
            overlaps = tuple(_overlaps(loaded, sound))
            faults.extend(overlaps)
            if not overlaps:
                sound.append(loaded)
        else:
            faults.extend(loaded)
    enabled = [file for file in sound if file.partner.is_enabled]
    credentials = Credentials(
        passwords={entry.user: entry for file in enabled for entry in file.passwords},
        certificates={entry.sha256: entry for file in enabled for entry in file.certificates},
    )
    agreements = Agreements.of(file.partner for file in sound)
    return LoadedPartners(agreements, credentials, tuple(sound), tuple(faults))


def _load_file(path: Path, ours: frozenset[Identity]) -> PartnerFile | tuple[Fault, ...]:
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
    found = [
        *read_passwords(document, partner_id, form, path.parent),
        *read_certificates(document, partner_id, form, path.parent),
    ]
    reader = _AgreementReader(document, partner_id, form, path.parent, ours)
    agreements = tuple(reader.agreement(number, entry) for number, entry in enumerate(form.agreement))
    all_faults = (*(entry for entry in found if isinstance(entry, Fault)), *reader.faults)
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
        passwords=tuple(entry for entry in found if isinstance(entry, PasswordCredential)),
        certificates=tuple(entry for entry in found if isinstance(entry, CertificateCredential)),
    )


class _AgreementReader:
    """The `[[agreement]]` tables of one file; collects faults."""

    def __init__(
        self, document: TomlDocument, partner_id: str, form: PartnerForm, folder: Path, ours: frozenset[Identity]
    ) -> None:
        self.document = document
        self.partner_id = partner_id
        self.identities = frozenset(entry.identity() for entry in form.identity)
        self.folder = folder
        self.ours = ours
        self.faults: list[Fault] = []
        self._names: set[str] = set()

    def agreement(self, number: int, entry: AgreementForm) -> Agreement:
        """One agreement; not to be used where `faults` is not empty."""
        if entry.name in self._names:
            self._fault(number, "name", f"{entry.name} is there twice")
        self._names.add(entry.name)
        senders = self.identities
        if entry.senders is not None:
            senders = frozenset(one.identity() for one in entry.senders)
            if not senders or not senders <= self.identities:
                self._fault(number, "senders", "names what is no identity of this partner")
        receivers = self.ours
        if entry.receivers is not None:
            receivers = frozenset(one.identity() for one in entry.receivers)
        if not receivers:
            self._fault(number, "receivers", "is missing, and the settings name no identity of ours")
        guides = self._guides(number, entry)
        return Agreement(
            partner=self.partner_id,
            name=entry.name,
            usage=UsageIndicator.PRODUCTION if entry.usage == "production" else UsageIndicator.TEST,
            senders=senders,
            receivers=receivers,
            applications=frozenset(code.rstrip() for code in entry.applications),
            our_applications=frozenset(code.rstrip() for code in entry.our_applications),
            guides=guides,
            mode=entry.mode,
            deadline_s=entry.deadline_s,
            acknowledgements=_policy(entry.acknowledge),
            unit=entry.unit,
            duplicate_window_s=entry.duplicate_window_days * _DAY_S,
            is_ordered=entry.ordered,
            character_set=entry.character_set,
            limits=Limits(entry.limits.size_bytes),
            rule_files=self._rules(number, entry, guides),
        )

    def _guides(self, number: int, entry: AgreementForm) -> frozenset[AgreedGuide]:
        known = {f"{guide.transaction_set} {guide.version}": guide for guide in programs.catalogue()}
        found: list[AgreedGuide] = []
        for at, text in enumerate(entry.guides):
            guide = known.get(" ".join(text.split()))
            if guide is None:
                self.faults.append(
                    self.document.fault(
                        ("agreement", number, "guides", at),
                        f"{text} is no guide that we have; it is written as `837 005010X222A1`",
                    )
                )
            else:
                found.append(AgreedGuide(guide.functional_group, guide.version, guide.transaction_set))
        return frozenset(found)

    def _rules(
        self, number: int, entry: AgreementForm, guides: frozenset[AgreedGuide]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Companion guides; compiled here, so that a fault shows at load and not at the first message."""
        rules: list[tuple[str, tuple[str, ...]]] = []
        for version, files in entry.rules.items():
            sets = [guide.transaction_set for guide in guides if guide.version == version]
            if not sets:
                self._fault(number, "rules", f"{version} is not among the guides of this agreement")
                continue
            paths = tuple(self.folder / file for file in files)
            try:
                for transaction_set in sets:
                    programs.program(version, transaction_set, mapped=True, partner_rules=paths)
            except DefinitionError as error:
                self.faults.extend(error.faults)
            except OSError as error:
                self._fault(number, "rules", f"{error.filename} cannot be read: {error.strerror}")
            rules.append((version, tuple(str(path) for path in paths)))
        return tuple(rules)

    def _fault(self, number: int, key: str, message: str) -> None:
        self.faults.append(self.document.fault(("agreement", number, key), message))


def _policy(form: AcknowledgeForm) -> AckPolicy:
    return AckPolicy(
        functional=form.functional,
        interchange=form.interchange,
        place=form.place,
        functional_version=form.functional_version,
        report_warnings=form.report_warnings,
        copy_bad_data=form.copy_bad_data,
        delimiters=None if form.delimiters is None else Delimiters(*form.delimiters),
        line_end=form.line_end,
    )


def _overlaps(file: PartnerFile, others: list[PartnerFile]) -> Iterable[Fault]:
    for other in others:
        if file.partner.is_enabled and other.partner.is_enabled:
            for identity in sorted(
                file.partner.identities & other.partner.identities, key=lambda one: (one.qualifier, one.id)
            ):
                yield file.document.fault(
                    ("identity",), f"{identity.qualifier} {identity.id} is an identity of {other.partner.id} too"
                )
        for user in sorted({one.user for one in file.passwords} & {one.user for one in other.passwords}):
            yield file.document.fault(("password",), f"the user {user} is one of {other.partner.id} too")
        if {one.sha256 for one in file.certificates} & {one.sha256 for one in other.certificates}:
            yield file.document.fault(("certificate",), f"the certificate is one of {other.partner.id} too")
