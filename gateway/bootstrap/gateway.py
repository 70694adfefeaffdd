"""A whole gateway in this process.

Owns what is opened in which order, closed in the reverse one, and swapped by a reload. Must not decide what happens to
a message.
"""

import asyncio
import gc
import ssl
import time
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog
from aiohttp import web
from prometheus_client import REGISTRY

from gateway.api.administration import Fault, Reloaded, administration_application, bound_socket
from gateway.api.application import add_api, api_operations
from gateway.api.operators import operators_application
from gateway.api.tokens import Subscriber, Tokens
from gateway.bootstrap.commands import OperatorCommands
from gateway.bootstrap.definitions import (
    Loaded,
    PartnerDefinitions,
    PartnerDirectory,
    PartnerRelationships,
    load,
    log_faults,
    log_interruptions,
)
from gateway.bootstrap.paths import LEDGER_FILE, SPOOL_FOLDER, StartError, archive_folder, socket_path
from gateway.bootstrap.stores import archive_keys
from gateway.definitions import positions
from gateway.definitions.partners.credentials import Credentials
from gateway.definitions.settings import Settings, load_settings_with_faults
from gateway.model.exchange import Principal
from gateway.pipeline.clock import SystemClock
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.receive import ReceiveLimits
from gateway.pipeline.retention import Retention, RetentionTerms
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.pipeline.x12 import X12
from gateway.stores.archive import ArchiveDamaged, ArchiveKeyMissing, ArchiveLocked, SegmentArchive
from gateway.stores.archive.shredder import ArchiveShredder
from gateway.stores.ledger import LedgerTooNew, SqliteTooOld, SqlLedger
from gateway.stores.spool import FileSpools
from gateway.transports.https.application import root_application
from gateway.transports.https.as2 import As2Resource
from gateway.transports.https.authenticate import Authenticator
from gateway.transports.https.entrance import Entrance
from gateway.transports.https.exchange import ExchangeResource
from gateway.transports.https.limits import Limits
from gateway.transports.https.passwords import PasswordVerifier
from gateway.transports.https.posting import HttpsPoster
from gateway.transports.https.server import HttpsListener, TlsSettings, tls_context
from gateway.transports.https.throttle import GuessThrottle

DISTRIBUTION = "healthcare-b2b-gateway"
# Archive, ledger and keys of partners: for the gateway's own user alone.
STORE_MODE = 0o700
# Windows of certificates are days.
CERTIFICATES_EVERY_S = 86_400.0
# Garbage in cycles is looked for after this many new objects: about a hundred messages' worth of them.
YOUNG_OBJECTS = 10_000

log = structlog.get_logger(__name__)


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
        self._relationships = PartnerRelationships(loaded.partners.relationships)
        self._poster = HttpsPoster()
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
        keys = archive_keys(settings)
        archive = await SegmentArchive.open(archive_folder(settings), on_fatal=self._on_fatal, keys=keys)
        closing.push_async_callback(archive.close)
        ledger = await SqlLedger.open(settings.store_folder / LEDGER_FILE, on_fatal=self._on_fatal)
        closing.push_async_callback(ledger.close)
        pipeline = Pipeline(
            archive=archive,
            ledger=ledger,
            spools=FileSpools(settings.store_folder / SPOOL_FOLDER),
            judge=X12(self._definitions),
            clock=self._clock,
            relationships=self._relationships,
            poster=await closing.enter_async_context(self._poster),
            settings=_pipeline_settings(settings),
        )
        self._pipeline = pipeline
        closing.push_async_callback(pipeline.stop, settings.engine.stop_grace_s)
        pipeline.start()
        self._retention = Retention(ledger, ArchiveShredder(archive), self._clock, self._retention_terms)
        forever = asyncio.create_task(self._retention.run_forever())
        closing.callback(forever.cancel)
        watching = asyncio.create_task(self._watch_certificates())
        closing.callback(watching.cancel)
        limits = Limits()
        root, entrance = self._partners_application(limits)
        add_api(root, api_operations(pipeline.deliveries, ledger), self._tokens, version(DISTRIBUTION))
        self._https = HttpsListener(root, settings.https.host, settings.https.port, limits)
        closing.push_async_callback(self._https.stop)
        await self._https.start(self._context)
        closing.push_async_callback(entrance.drained)
        closing.callback(pipeline.exchange.refuse_more)
        operators = operators_application(self._checks, REGISTRY)
        self._operators = HttpsListener(operators, settings.console.host, settings.console.port, limits)
        closing.push_async_callback(self._operators.stop)
        await self._operators.start(None)
        await self._administer()

    def _partners_application(self, limits: Limits) -> tuple[web.Application, Entrance]:
        verifier = PasswordVerifier(time.monotonic)
        self._closing.callback(verifier.close)
        throttle = GuessThrottle(time.monotonic)
        authenticator = Authenticator(self._directory, verifier, throttle)
        root = root_application()
        pipeline = self._pipeline
        entrance = Entrance(lambda: pipeline.exchange.accepting, limits)
        ExchangeResource(
            pipeline.exchange,
            pipeline.outbox,
            authenticator=authenticator,
            limits=limits,
            entrance=entrance,
            size_limit_bytes=self._size_limit_bytes,
        ).add_routes(root)
        As2Resource(pipeline.as2, authenticator, throttle, entrance, limits).add_routes(root)
        return root, entrance

    async def _watch_certificates(self) -> None:
        """Once a day, and at start: certificates end while nobody looks at files."""
        while True:
            log_interruptions(self.partners, self._clock.now())
            await asyncio.sleep(CERTIFICATES_EVERY_S)

    def _retention_terms(self) -> RetentionTerms:
        """What settings and partners' files say at this moment."""
        partners = self.partners
        return RetentionTerms(self.settings.retention_days, partners.retention_days, partners.out)

    def _size_limit_bytes(self, principal: Principal) -> int:
        """The smaller of what the settings and the partner's agreements allow."""
        allowed = self.settings.https.body_size_bytes
        partner = self.partners.agreements.partners.get(principal.partner)
        return allowed if partner is None else min(allowed, partner.size_limit_bytes)

    async def _administer(self) -> None:
        path = socket_path(self.settings)
        commands = OperatorCommands(self.reload, self._pipeline, self._relationships, self._retention)
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
        log_interruptions(loaded.partners, self._clock.now())
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
        self._relationships.replace(loaded.partners.relationships)
        self._poster.renew()
        self._tokens.replace(_subscribers(settings))

    def _checks(self) -> dict[str, bool]:
        return {"stores": not self._fatal.is_set(), "accepting": self._pipeline.exchange.accepting}

    def _on_fatal(self, error: BaseException) -> None:
        log.error("store.failed", error=type(error).__name__)
        self._fatal.set()


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
