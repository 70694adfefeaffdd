"""What the partners' files and the guides say at one moment, as the pipeline and the front door ask for it.

Owns snapshots and their swapping by a reload. Must not know stores or sockets.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from gateway.bootstrap.paths import StartError
from gateway.definitions import positions, programs
from gateway.definitions.continuity import interruptions
from gateway.definitions.partners.credentials import Credentials
from gateway.definitions.partners.load import LoadedPartners, load_partners
from gateway.definitions.settings import Settings
from gateway.model.exchange import Principal
from gateway.pipeline.agreements import Agreements
from gateway.pipeline.clock import SystemClock
from gateway.pipeline.relationships import Relationships
from gateway.pipeline.x12 import GuideTables
from gateway.transports.https.authenticate import PasswordHolder

log = structlog.get_logger(__name__)


class PartnerDirectory:
    """The credentials of the partners' files, swapped whole by a reload. Port of the front door."""

    def __init__(self, credentials: Credentials, clock: SystemClock) -> None:
        self._credentials = credentials
        self._clock = clock

    def replace(self, credentials: Credentials) -> None:
        """Take a reload's credentials."""
        self._credentials = credentials

    def password_holder(self, user: str) -> PasswordHolder | None:
        """The principal with this user name."""
        found = self._credentials.password(user)
        return PasswordHolder(found.principal, found.password_hash) if found is not None else None

    def certificate_holder(self, fingerprint: str) -> Principal | None:
        """The principal of a certificate within its window."""
        found = self._credentials.certificate(fingerprint, self._clock.now())
        return found.principal if found is not None else None


class DefinitionsSnapshot:
    """The agreements and guides of one load; compiled tables are kept. Port of the pipeline's X12."""

    def __init__(self, agreements: Agreements) -> None:
        self._agreements = agreements
        self._tables: dict[tuple[str, str, tuple[str, ...]], GuideTables | None] = {}

    @property
    def agreements(self) -> Agreements:
        """Every partner."""
        return self._agreements

    def tables(self, version: str, transaction_set: str, rule_files: tuple[str, ...]) -> GuideTables | None:
        """The guide with a partner's own rules. Called by several threads: at worst two compile the same."""
        asked = (version, transaction_set, rule_files)
        if asked not in self._tables:
            paths = tuple(Path(file) for file in rule_files)
            found = programs.program(version, transaction_set, mapped=True, partner_rules=paths)
            rules = {} if found is None else {rule.id: rule for rule in found.rules}
            self._tables[asked] = None if found is None else GuideTables(found.tables, rules)
        return self._tables[asked]

    def compile_all(self) -> None:
        """Compile what the agreements name, so that no message waits for it. Slow where nothing is cached."""
        for partner in self._agreements.partners.values():
            for agreement in partner.agreements:
                for guide in agreement.guides:
                    self.tables(guide.version, guide.transaction_set, agreement.rules_for(guide.version))


class PartnerDefinitions:
    """The newest snapshot, swapped whole by a reload. Port of the pipeline's X12."""

    def __init__(self, current: DefinitionsSnapshot) -> None:
        self._current = current

    def replace(self, current: DefinitionsSnapshot) -> None:
        """Take a reload's definitions; a message under way keeps those it began with."""
        self._current = current

    def snapshot(self) -> DefinitionsSnapshot:
        """What applies now."""
        return self._current


class PartnerRelationships:
    """The newest AS2 relationships, swapped whole by a reload. Port of the pipeline's AS2."""

    def __init__(self, current: Relationships) -> None:
        self._current = current

    def replace(self, current: Relationships) -> None:
        """Take a reload's relationships."""
        self._current = current

    def relationships(self) -> Relationships:
        """What applies now."""
        return self._current


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the partners' files say, and the definitions they need, compiled."""

    partners: LoadedPartners
    snapshot: DefinitionsSnapshot


def load(settings: Settings) -> Loaded:
    """Read and compile everything. Blocks; raises StartError where the package's own definitions are broken."""
    partners = load_partners(settings.partners_folder, settings.identities, settings.as2)
    snapshot = DefinitionsSnapshot(partners.agreements)
    try:
        snapshot.compile_all()
    except positions.DefinitionError as error:
        raise StartError(str(error)) from None
    return Loaded(partners, snapshot)


def log_faults(loaded: LoadedPartners) -> None:
    """Each fault with its place; the texts are ours and hold no secrets."""
    for fault in loaded.faults:
        log.warning("partners.fault", file=fault.file, line=fault.line, key=fault.key, fault=fault.message)


def log_interruptions(loaded: LoadedPartners, now: datetime) -> None:
    """What time does to keys and certificates: what cannot be done now, and what will not be possible for a while."""
    for file in loaded.files:
        faults, warnings = interruptions(file, now)
        for fault in faults:
            log.error("as2.interrupted", file=fault.file, line=fault.line, fault=fault.message)
        for warning in warnings:
            log.warning("as2.will_be_interrupted", file=warning.file, line=warning.line, fault=warning.message)
