"""A whole gateway on loopback with an AS2 partner: messages in, receipts and acknowledgements out.

Starting a gateway takes longest: the tests of a module share one. `as2` puts back what a test changed at the partner.
"""

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio
import structlog
from multidict import CIMultiDict

from gateway.bootstrap.gateway import Gateway
from gateway.cli.development_certificates import Issued, make_as2_identity
from gateway.cli.logs import configure_logs
from gateway.definitions.settings import load_settings
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.receipt_reader import ReadReceipt
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import ArchiveReference
from gateway.pipeline.as2.dispatches import DispatchFilter, DispatchKind, DispatchRow
from gateway.pipeline.as2.records import As2Row
from gateway.pipeline.deliver import Delivery
from gateway.pipeline.records import DeliveryUnit, InstanceDetail, InstanceFilter, LeaseRequest
from gateway.pipeline.service import Pipeline
from gateway.pipeline.states import DispatchState, InstanceState
from gateway.transports.https import throttle
from tests.integration.as2.partner import OUR_NAME, ScriptedPartner, own_key
from tests.integration.conftest import PASSWORD, Site, make_site

PARTNER_NAME = "BROOK CLINIC"
# Values of the samples that must never be seen in a log, nor in a sentence for an operator.
PAYLOAD_WORDS = ("SAMPLE", "SPECIMEN", "HHP000", "ELM STREET", "19800214", "SECRET")

AS2_PARTNER = """
name = "Brook Clinic over AS2"
[[identity]]
qualifier = "ZZ"
id = "AS2CLINIC"
[[as2]]
partner_name = "{partner_name}"
url = "http://127.0.0.1:{port}/in"
receipt_targets = ["127.0.0.1:{port}"]
{relationship}
[[as2.certificate]]
file = "{certificate}"
{old_uses}
{more}
[as2.limits]
{limits}
[as2.packaging]
{packaging}
[as2.dispatch]
attempts = 3
{dispatch}
[[agreement]]
usage = "test"
guides = ["837 005010X222A1", "834 005010X220A1"]
mode = "{mode}"
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes

    @property
    def instance(self) -> UUID:
        """What was kept."""
        return UUID(self.headers.get("Gateway-Instance") or "")


@dataclass
class As2Running:
    """A gateway that runs, its partner, and how the partner sends."""

    gateway: Gateway
    site: Site
    partner: ScriptedPartner
    is_partner_changed: bool = False

    @property
    def pipeline(self) -> Pipeline:
        """What is behind the door."""
        return self.gateway._pipeline

    async def post(
        self, message: Packaged, *, user: str | None = None, data: Any = None, expect100: bool = False
    ) -> Reply:
        """POST /as2; `data` instead of the message's body."""
        context = ssl.create_default_context(cafile=str(self.site.certificates.authority))
        url = f"https://localhost:{self.gateway.https_port}/as2"
        fields = CIMultiDict(message.headers.fields)
        if user is not None:
            fields["Authorization"] = aiohttp.encode_basic_auth(user, PASSWORD)
        content = message.body if data is None else data
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=content, headers=fields, ssl=context, expect100=expect100) as response,
        ):
            names = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
            return Reply(response.status, Headers(tuple(names)), await response.read())

    def receipt(self, reply: Reply) -> ReadReceipt:
        """The receipt in an answer, verified."""
        assert reply.status == 200, reply.body
        return self.partner.read_receipt(reply.headers, reply.body)

    async def change_partner(self, **text: str) -> None:
        """Another partner's file, in force on return."""
        self.is_partner_changed = True
        write_partner(self.site, self.partner.port, **text)
        reloaded = await self.gateway.reload()
        assert "as2clinic" in reloaded.partners, reloaded.faults

    async def remove_partner(self) -> None:
        """No such partner, in force on return."""
        self.is_partner_changed = True
        (self.site.folder / "partners" / "as2clinic.toml").unlink()
        await self.gateway.reload()

    async def tidy(self) -> None:
        """As it was: the partner's file and answers, and nothing left from a test."""
        self.partner.answer = None
        if self.is_partner_changed:
            await self.change_partner()
            self.is_partner_changed = False
        for queue in (self.partner.taken, self.partner.receipts):
            while not queue.empty():
                queue.get_nowait()

    async def message(self, reply: Reply) -> As2Row:
        """What the ledger knows of a message."""
        row = await self.pipeline.ledger.as2_message(reply.instance)
        assert row is not None
        return row

    async def settled(self, instance: UUID, state: InstanceState = InstanceState.DONE) -> InstanceDetail:
        """Wait until the instance is in `state`."""
        async with asyncio.timeout(10):
            while True:
                detail = await self.pipeline.ledger.show(instance)
                assert detail is not None
                if detail.row.state is state:
                    return detail
                await asyncio.sleep(0.01)

    async def dispatched(self, dispatch: UUID, state: DispatchState) -> DispatchRow:
        """Wait until a message of ours is in `state`."""
        async with asyncio.timeout(10):
            while True:
                row = await self.pipeline.ledger.dispatch(dispatch)
                assert row is not None
                if row.state is state:
                    return row
                await asyncio.sleep(0.01)

    async def receipts_of(self, instance: UUID) -> list[DispatchRow]:
        """Asynchronous receipts of a message, newest first."""
        rows = await self.pipeline.ledger.dispatches(DispatchFilter(instance=instance), None, 100)
        return [row for row in rows if row.draft.kind is DispatchKind.RECEIPT]

    async def kept_count(self) -> int:
        """How many messages there are."""
        return len((await self.pipeline.ledger.messages(InstanceFilter(), None, 1000)).rows)

    def archived(self, reference: ArchiveReference) -> bytes:
        """A body of the archive."""
        return b"".join(self.pipeline.as2._archive.read(reference))

    async def delivered(self, *instances: UUID) -> list[Delivery]:
        """What of these messages a downstream application is handed out, and takes."""
        leased = await self.pipeline.deliveries.lease(LeaseRequest("billing", DeliveryUnit.ITEM, 1000, 60.0))
        for one in leased:
            await self.pipeline.deliveries.acknowledge(one.id, one.token)
        return [one for one in leased if one.instance in instances]


def write_partner(
    site: Site,
    port: int,
    *,
    relationship: str = "",
    more: str = "",
    old_uses: str = "",
    limits: str = "",
    partner_name: str = PARTNER_NAME,
    packaging: str = "",
    dispatch: str = "",
    mode: str = "batch",
    credentials: str = "",
) -> None:
    """The partner's file; texts go into the tables that they are named after."""
    text = AS2_PARTNER.format(
        partner_name=partner_name,
        port=port,
        certificate=site.folder / "as2" / "partner.pem",
        relationship=relationship,
        more=more,
        old_uses=old_uses,
        limits=limits,
        packaging=packaging,
        dispatch=dispatch,
        mode=mode,
    )
    site.write_partner("as2clinic", text + credentials)


@pytest.fixture(scope="session")
def as2_identities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Issued, Issued]:
    """Ours and the partner's: RSA keys are slow to make."""
    folder = tmp_path_factory.mktemp("as2")
    return make_as2_identity(folder, "gateway"), make_as2_identity(folder, "partner")


@pytest.fixture(scope="session")
def stranger_key(tmp_path_factory: pytest.TempPathFactory) -> OwnKey:
    """The key of someone whom nobody knows."""
    return own_key(make_as2_identity(tmp_path_factory.mktemp("stranger"), "stranger"))


@pytest.fixture(scope="module", autouse=True)
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All that is logged while these tests run goes to a file, and that file holds no payload and no traceback."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(json_lines=True, level=logging.DEBUG)
    path = tmp_path_factory.mktemp("logs") / "gateway.log"
    own = logging.FileHandler(path)
    own.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [own]
    yield path
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    own.close()
    logged = path.read_text()
    assert logged
    assert not [word for word in (*PAYLOAD_WORDS, "Traceback") if word in logged]


@asynccontextmanager
async def opened(folder: Path, identities: tuple[Issued, Issued]) -> AsyncIterator[As2Running]:
    """A gateway in an empty folder, and its partner."""
    site = make_site(folder)
    ours, theirs = (_copied(issued, folder / "as2") for issued in identities)
    settings = site.settings.read_text("utf-8")
    site.settings.write_text(
        f"""{settings}
[as2]
name = "{OUR_NAME}"
receipt_url = "https://localhost/as2"
[[as2.key]]
name = "2026"
certificate = "{ours.certificate}"
key = "{ours.key}"
""",
        "utf-8",
    )
    partner = ScriptedPartner(PARTNER_NAME, own_key(theirs), own_key(ours).certificate)
    runner = await partner.serve()
    write_partner(site, partner.port)
    gateway = await Gateway.open(load_settings(site.settings))
    assert "as2clinic" not in gateway.partners.out, gateway.partners.faults
    yield As2Running(gateway, site, partner)
    await gateway.stop()
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_as2(
    tmp_path_factory: pytest.TempPathFactory, as2_identities: tuple[Issued, Issued]
) -> AsyncIterator[As2Running]:
    """One gateway for a module, which is patient: all of its tests come from one address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttle, "FREE_FAILURES", 10_000)
        async with opened(tmp_path_factory.mktemp("gateway"), as2_identities) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def as2(shared_as2: As2Running) -> AsyncIterator[As2Running]:
    """The module's gateway, for one test."""
    yield shared_as2
    await shared_as2.tidy()


@pytest.fixture
async def fresh_as2(tmp_path: Path, as2_identities: tuple[Issued, Issued]) -> AsyncIterator[As2Running]:
    """A gateway of its own for one test, on that test's loop; it is as patient as any."""
    async with opened(tmp_path, as2_identities) as running:
        yield running


def altered(message: Packaged, **fields: str | None) -> Packaged:
    """The same message with other header fields (`_` for `-`); None leaves one out."""
    names = {name.replace("_", "-").lower(): value for name, value in fields.items()}
    kept = [(name, value) for name, value in message.headers.fields if name.lower() not in names]
    added = [(name, value) for name, value in names.items() if value is not None]
    return replace(message, headers=Headers((*kept, *added)))


def _copied(issued: Issued, folder: Path) -> Issued:
    folder.mkdir(exist_ok=True)
    certificate = shutil.copy(issued.certificate, folder)
    key = shutil.copy(issued.key, folder)
    return Issued(Path(certificate), Path(key), issued.fingerprint)
