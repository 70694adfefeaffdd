"""Checks every definition: guides, overlays, rules and their samples, maps, dictionary, settings, partners.

Puts the checks of their owners together and adds those that need several files at once. Returns data; the command that
prints it is elsewhere. Must not know how definitions are used at run time.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway.definitions import programs
from gateway.definitions.certificates import permitted_uses
from gateway.definitions.continuity import interruptions
from gateway.definitions.dictionary import check_package
from gateway.definitions.guides.catalogue import (
    CATALOGUE_FILE,
    CatalogueEntry,
    catalogue,
    code_sets,
    load_guide_with_faults,
    schemas,
)
from gateway.definitions.guides.model import Guide
from gateway.definitions.guides.tables import CodeSetNumbers
from gateway.definitions.inventory import held_certificates
from gateway.definitions.mapping import load_mapping
from gateway.definitions.partners.load import LoadedPartners, PartnerFile, load_partners
from gateway.definitions.positions import DefinitionError, Fault
from gateway.definitions.rules.load import package_rules, partner_rules
from gateway.definitions.rules.samples import SampleJudge, check_samples
from gateway.definitions.rules.tables import rule_tables
from gateway.definitions.settings import Settings, load_settings_with_faults
from gateway.definitions.web_addresses import is_protected
from gateway.formats.x12.guides import GuideName


@dataclass(frozen=True, slots=True)
class LintReport:
    """`faults` keep something from working; `warnings` soon will, or look like a mistake."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether everything can be used."""
        return not self.faults


def lint(settings_file: Path | None, now: datetime) -> LintReport:
    """Everything that the package brings and, where there is a settings file, what it names. Takes seconds."""
    package = lint_package()
    if settings_file is None:
        return package
    installation = lint_installation(settings_file, now)
    return LintReport((*package.faults, *installation.faults), (*package.warnings, *installation.warnings))


def lint_package() -> LintReport:
    """Guides, overlays, rules, maps, dictionary and code tables of the package."""
    try:
        entries = tuple(catalogue().entries.values())
    except DefinitionError as error:
        return LintReport(error.faults)
    _, code_faults = code_sets()
    faults: list[Fault] = [*_unused_overlays(entries), *code_faults]
    if code_faults:
        return LintReport(tuple(faults))
    for entry in entries:
        faults.extend(_check_guide(entry))
    faults.extend(check_package())
    return LintReport(tuple(dict.fromkeys(faults)))


def lint_installation(settings_file: Path, now: datetime) -> LintReport:
    """The settings file, the files it names, and every partner."""
    settings, faults = load_settings_with_faults(settings_file)
    if settings is None:
        return LintReport(faults)
    loaded = load_partners(settings.partners_folder, settings.identities, settings.as2)
    enabled = [file for file in loaded.files if file.partner.is_enabled]
    interrupted = [interruptions(file, now) for file in enabled]
    return LintReport(
        (
            *faults,
            *_archive_key(settings),
            *_tls_files(settings),
            *loaded.faults,
            *(fault for faults_today, _ in interrupted for fault in faults_today),
            *_partner_samples(loaded),
        ),
        (
            *_expiring(settings, loaded, now),
            *(warning for _, warnings in interrupted for warning in warnings),
            *_exposed(settings, loaded),
            *(warning for file in enabled for warning in (*_idle(file), *_doubtful(file))),
        ),
    )


def _unused_overlays(entries: tuple[CatalogueEntry, ...]) -> Iterator[Fault]:
    """Corrections and rules that no guide reads: a misspelt file name."""
    known = {entry.overlay for entry in entries}
    for folder in ("x12", "x12/rules"):
        for file in schemas().joinpath(folder).iterdir():
            name = file.name.removesuffix(".toml")
            if file.name.endswith(".toml") and name not in known | {"guides"}:
                yield Fault(f"schemas/{folder}/{file.name}", 0, "", f"no guide in {CATALOGUE_FILE} has this name")


def _check_guide(entry: CatalogueEntry) -> Iterator[Fault]:
    """The map, its corrections and, once for all aliases, rules and mapping."""
    try:
        guide, faults = load_guide_with_faults(entry)
    except DefinitionError as error:
        yield from error.faults
        return
    if guide is None or faults or entry.version != entry.original:
        yield from faults
        return
    yield from _check_rules(entry, guide)
    try:
        load_mapping(guide)
    except DefinitionError as error:
        yield from error.faults


def _check_rules(entry: CatalogueEntry, guide: Guide) -> Iterator[Fault]:
    try:
        found = package_rules(entry.overlay)
    except DefinitionError as error:
        yield from error.faults
        return
    if found is None:
        return
    document, file, form_faults = found
    _, path_faults = rule_tables(guide, ((document, file),), CodeSetNumbers())
    yield from (*form_faults, *path_faults)
    if form_faults or path_faults:
        return
    compiled = programs.program(entry.version, entry.transaction_set, mapped=False)
    if compiled is not None:
        name = GuideName(entry.functional_group, entry.version, entry.transaction_set)
        yield from check_samples(document, file, SampleJudge(compiled.tables, name))


def _partner_samples(loaded: LoadedPartners) -> Iterator[Fault]:
    """The samples of companion guides, judged with the package's rules beside them."""
    agreements = (agreement for file in loaded.files for agreement in file.partner.agreements)
    for agreement in agreements:
        for guide in sorted(agreement.guides, key=lambda one: (one.version, one.transaction_set)):
            paths = tuple(Path(path) for path in agreement.rules_for(guide.version))
            compiled = programs.program(guide.version, guide.transaction_set, mapped=False, partner_rules=paths)
            name = GuideName(guide.functional_group, guide.version, guide.transaction_set)
            for path in paths:
                document, file, _ = partner_rules(path)
                if compiled is not None and file.sample:
                    yield from check_samples(document, file, SampleJudge(compiled.tables, name))


def _tls_files(settings: Settings) -> Iterator[Fault]:
    """Files that the listener will open."""
    for path in (settings.https.certificate, settings.https.key, *settings.https.client_authorities):
        if not path.is_file():
            yield Fault(str(settings.file), 0, "https", f"{path} is no file")


def _archive_key(settings: Settings) -> Iterator[Fault]:
    """Nothing is kept in the clear, so that the server does not start."""
    if settings.archive_keys is None and "archive" not in settings.document.data:
        message = "is missing: make a key with `gateway keys archive archive.key` and name it as key_file"
        yield Fault(str(settings.file), 0, "archive", message)


def _exposed(settings: Settings, loaded: LoadedPartners) -> Iterator[Fault]:
    """A private key or password that any user of the machine can read."""
    of_partners = (path for file in loaded.files for path in file.secret_files)
    for path in dict.fromkeys((*settings.secret_files, *of_partners)):
        if path.is_file() and path.stat().st_mode & stat.S_IROTH:
            yield Fault(str(path), 0, "", "is readable by every user of this machine: chmod o-r")


def _expiring(settings: Settings, loaded: LoadedPartners, now: datetime) -> Iterator[Fault]:
    """Certificates, ours and partners', that end within the settings' number of days, or have ended."""
    limit = now + timedelta(days=settings.certificate_warning_days)
    for held in held_certificates(settings, loaded):
        if held.valid_until is not None and held.valid_until <= limit:
            verb = "ended" if held.valid_until <= now else "ends"
            yield replace(held.place, message=f"the certificate {verb} on {held.valid_until:%Y-%m-%d}")


def _idle(file: PartnerFile) -> Iterator[Fault]:
    """A partner that can never send anything, and identities that no agreement takes."""
    if not file.passwords and not file.certificates and not file.relationships:
        message = "has neither password nor certificate nor AS2 relationship: the partner cannot connect"
        yield file.document.fault((), message)
    taken = {identity for agreement in file.partner.agreements for identity in agreement.senders}
    for identity in sorted(file.partner.identities - taken, key=lambda one: one.id):
        message = f"{identity.qualifier} {identity.id} is a sender of no agreement"
        yield file.document.fault(("identity",), message)


def _doubtful(file: PartnerFile) -> Iterator[Fault]:
    """What of a relationship works, but looks like a mistake."""
    for number, relationship in enumerate(file.relationships):
        url = relationship.dispatch.url
        if url is not None and not is_protected(url):
            message = (
                "is not https: on the way anybody sees who sends how much to whom, and the password if there is one"
            )
            yield file.document.fault(("as2", number, "url"), message)
        for at, pinned in enumerate(relationship.trust.certificates):
            for use in sorted(pinned.uses - permitted_uses(pinned.certificate)):
                message = f"the certificate's own key usage does not include: {use.value}"
                yield file.document.fault(("as2", number, "certificate", at), message)
