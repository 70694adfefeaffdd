"""Wires the ports to their adapters: the one place that knows all of them.

Owns what is opened in which order, closed in the reverse one, and swapped by a reload. Must not decide what happens to
a message. Nothing connects at import.
"""

import asyncio
import gc
import ssl
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import structlog
from aiohttp import web
from prometheus_client import REGISTRY

from gateway.api.administration import Commands, Fault, Reloaded, administration_application, bound_socket
from gateway.api.application import add_api, api_operations
from gateway.api.operators import operators_application
from gateway.api.tokens import Subscriber, Tokens
from gateway.definitions import positions, programs
from gateway.definitions.partners.credentials import Credentials
from gateway.definitions.partners.load import LoadedPartners, load_partners
from gateway.definitions.settings import Settings, load_settings_with_faults
from gateway.model.exchange import Principal
from gateway.pipeline.agreements import Agreements
from gateway.pipeline.clock import SystemClock
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.receive import ReceiveLimits
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.pipeline.x12 import X12, GuideTables
from gateway.stores.archive import ArchiveDamaged, ArchiveKeyMissing, ArchiveLocked, KeyRing, SegmentArchive
from gateway.stores.ledger import LedgerReader, LedgerTooNew, SqliteTooOld, SqlLedger, open_reader
from gateway.stores.spool import FileSpools
from gateway.transports.https.application import root_application
from gateway.transports.https.authenticate import Authenticator, PasswordHolder
from gateway.transports.https.exchange import ExchangeResource
from gateway.transports.https.limits import Limits
from gateway.transports.https.passwords import PasswordVerifier
from gateway.transports.https.server import HttpsListener, TlsSettings, tls_context
from gateway.transports.https.throttle import GuessThrottle

DISTRIBUTION = "healthcare-b2b-gateway"
LEDGER_FILE = "ledger.sqlite"
ARCHIVE_FOLDER = "archive"
SPOOL_FOLDER = "spool"
SOCKET_FILE = "admin.sock"
# Archive, ledger and keys of partners: for the gateway's own user alone.
STORE_MODE = 0o700
# Garbage in cycles is looked for after this many new objects: about a hundred messages' worth of them.
YOUNG_OBJECTS = 10_000

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The gateway cannot start; the text says what to mend."""


def socket_path(settings: Settings) -> Path:
    """Where the command line reaches the running server."""
    return settings.store_folder / SOCKET_FILE


def ledger_reader(settings: Settings) -> LedgerReader | None:
    """Reads the ledger beside a running server or without one; None where there is none yet."""
    path = settings.store_folder / LEDGER_FILE
    return open_reader(path) if path.exists() else None


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the partners' files say, and the definitions they need, compiled."""

    partners: LoadedPartners
    snapshot: DefinitionsSnapshot


def load(settings: Settings) -> Loaded:
    """Read and compile everything. Blocks; raises StartError where the package's own definitions are broken."""
    partners = load_partners(settings.partners_folder, settings.identities)
    snapshot = DefinitionsSnapshot(partners.agreements)
    try:
        snapshot.compile_all()
    except positions.DefinitionError as error:
        raise StartError(str(error)) from None
    return Loaded(partners, snapshot)


class Gateway:
    """A whole gateway in this process: `open`, any number of `reload`, `stop`."""

    def __init__(self, settings: Settings, loaded: Loaded, context: ssl.SSLContext) -> None:
        self.settings = settings
        self.partners = loaded.partners
        self._context = context
        self._fatal = asyncio.Event()
        self._closing = AsyncExitStack()
        self._clock = SystemClock()
        self._directory = PartnerDirectory(loaded.partners.credentials, self._clock)
        self._tokens = Tokens(_subscribers(settings))
        self._definitions = PartnerDefinitions(loaded.snapshot)
        self._reloading = asyncio.Lock()

    @classmethod
    async def open(cls, settings: Settings) -> "Gateway":
        """Open the stores, start the engine, listen. Raises StartError."""
        loaded = await asyncio.to_thread(load, settings)
        log_faults(loaded.partners)
        gateway = cls(settings, loaded, _context(settings, loaded.partners.credentials))
        try:
            await gateway._start()
        except OSError as error:
            await gateway.stop()
            raise StartError(f"{error.strerror or error}: {error.filename or settings.store_folder}") from None
        except (ArchiveDamaged, ArchiveKeyMissing, ArchiveLocked, LedgerTooNew, SqliteTooOld) as error:
            await gateway.stop()
            raise StartError(str(error)) from None
        except BaseException:
            await gateway.stop()
            raise
        # Modules, tables and guides live as long as the process: looking through them again and again for garbage
        # costs a tenth of what a small message does.
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        return gateway

    async def _start(self) -> None:
        """In the order in which each needs the one before; `stop` goes the other way."""
        settings, closing = self.settings, self._closing
        await asyncio.to_thread(settings.store_folder.mkdir, STORE_MODE, parents=True, exist_ok=True)
        given = settings.archive_keys
        # TEMPORARY, for the lead to decide: without configured keys a key of zeros, which protects nothing.
        keys = KeyRing.of(given.current, given.older) if given is not None else KeyRing.of(bytes(32))
        archive = await SegmentArchive.open(settings.store_folder / ARCHIVE_FOLDER, on_fatal=self._on_fatal, keys=keys)
        closing.push_async_callback(archive.close)
        ledger = await SqlLedger.open(settings.store_folder / LEDGER_FILE, on_fatal=self._on_fatal)
        closing.push_async_callback(ledger.close)
        pipeline = Pipeline(
            archive=archive,
            ledger=ledger,
            spools=FileSpools(settings.store_folder / SPOOL_FOLDER),
            judge=X12(self._definitions),
            clock=self._clock,
            settings=_pipeline_settings(settings),
        )
        self._pipeline = pipeline
        closing.push_async_callback(pipeline.stop, settings.engine.stop_grace_s)
        pipeline.start()
        limits = Limits()
        root, resource = self._partners_application(limits)
        add_api(root, api_operations(pipeline.deliveries, ledger), self._tokens, version(DISTRIBUTION))
        self._https = HttpsListener(root, settings.https.host, settings.https.port, limits)
        closing.push_async_callback(self._https.stop)
        await self._https.start(self._context)
        closing.push_async_callback(resource.drained)
        closing.callback(pipeline.exchange.refuse_more)
        operators = operators_application(self._checks, REGISTRY)
        self._operators = HttpsListener(operators, settings.console.host, settings.console.port, limits)
        closing.push_async_callback(self._operators.stop)
        await self._operators.start(None)
        await self._administer()

    def _partners_application(self, limits: Limits) -> tuple[web.Application, ExchangeResource]:
        verifier = PasswordVerifier(time.monotonic)
        self._closing.callback(verifier.close)
        authenticator = Authenticator(self._directory, verifier, GuessThrottle(time.monotonic))
        root = root_application()
        pipeline = self._pipeline
        resource = ExchangeResource(pipeline.exchange, pipeline.outbox, authenticator, limits, self._size_limit_bytes)
        resource.add_routes(root)
        return root, resource

    def _size_limit_bytes(self, principal: Principal) -> int:
        """The smaller of what the settings and the partner's agreements allow."""
        allowed = self.settings.https.body_size_bytes
        partner = self.partners.agreements.partners.get(principal.partner)
        return allowed if partner is None else min(allowed, partner.size_limit_bytes)

    async def _administer(self) -> None:
        path = socket_path(self.settings)
        commands = Commands(self.reload, self._resubmit)
        runner = web.AppRunner(administration_application(commands), access_log=None, handle_signals=False)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        await web.SockSite(runner, bound_socket(path)).start()
        self._closing.callback(path.unlink, missing_ok=True)

    @property
    def https_port(self) -> int:
        """The bound port of the front door."""
        return self._https.port

    @property
    def operators_port(self) -> int:
        """The bound port of health and metrics."""
        return self._operators.port

    async def failed(self) -> None:
        """Returns when a store can promise nothing any more: the process must end."""
        await self._fatal.wait()

    async def reload(self) -> Reloaded:
        """Take over partners, tokens and certificates. What is faulty stays out; addresses need a restart."""
        async with self._reloading:
            settings, faults = await asyncio.to_thread(load_settings_with_faults, self.settings.file)
            if settings is None or faults:
                # Broken settings change nothing; partners are still read, with those in force.
                settings = self.settings
            loaded = await asyncio.to_thread(load, settings)
            found = [*faults, *loaded.partners.faults]
            try:
                self._context = await asyncio.to_thread(_context, settings, loaded.partners.credentials)
            except StartError as error:
                found.append(positions.Fault(str(settings.file), 0, "https", str(error)))
            self._take(settings, loaded)
            await self._https.renew(self._context)
        log_faults(loaded.partners)
        partners = tuple(file.partner.id for file in loaded.partners.files if file.partner.is_enabled)
        log.info("partners.reloaded", partners=len(partners), faults=len(found))
        return Reloaded(partners, tuple(Fault(one.file, one.line, one.message) for one in found))

    async def stop(self) -> None:
        """Accept no more, end what is under way, close the stores."""
        await self._closing.aclose()

    def _take(self, settings: Settings, loaded: Loaded) -> None:
        """All at once, between two requests."""
        self.settings = settings
        self.partners = loaded.partners
        self._directory.replace(loaded.partners.credentials)
        self._definitions.replace(loaded.snapshot)
        self._tokens.replace(_subscribers(settings))

    async def _resubmit(self, instance: UUID, actor: str) -> bool:
        return await self._pipeline.engine.resubmit(instance, actor)

    def _checks(self) -> dict[str, bool]:
        return {"stores": not self._fatal.is_set(), "accepting": self._pipeline.exchange.accepting}

    def _on_fatal(self, error: BaseException) -> None:
        log.error("store.failed", error=type(error).__name__)
        self._fatal.set()


def log_faults(loaded: LoadedPartners) -> None:
    """Each fault with its place; the texts are ours and hold no secrets."""
    for fault in loaded.faults:
        log.warning("partners.fault", file=fault.file, line=fault.line, key=fault.key, fault=fault.message)


def _subscribers(settings: Settings) -> dict[str, Subscriber]:
    return {digest: Subscriber(name) for digest, name in settings.downstream.items()}


def _pipeline_settings(settings: Settings) -> PipelineSettings:
    engine = EngineSettings(lease_s=settings.engine.lease_s, workers=settings.engine.workers)
    return PipelineSettings(ReceiveLimits(settings.https.body_size_bytes), engine)


def _context(settings: Settings, credentials: Credentials) -> ssl.SSLContext:
    """The TLS context, or StartError that names the file."""
    https = settings.https
    tls = TlsSettings(
        certificate=str(https.certificate),
        key=str(https.key),
        client_authorities=tuple(str(path) for path in https.client_authorities),
        pinned_certificates=credentials.pinned_certificates(),
    )
    for path in (https.certificate, https.key, *https.client_authorities):
        if not path.is_file():
            raise StartError(f"{path} is not there; for a trial: python certs/make_dev_certs.py {path.parent}")
    try:
        return tls_context(tls)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"{https.certificate} and {https.key}: {type(error).__name__}: {error.strerror}") from None
