"""A whole gateway on loopback with an AS2 partner: messages in, receipts and acknowledgements out."""

import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict

from gateway.bootstrap.gateway import Gateway
from gateway.cli.development_certificates import Issued, make_as2_identity
from gateway.definitions.settings import load_settings
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from tests.integration.as2.partner import OUR_NAME, ScriptedPartner, own_key
from tests.integration.conftest import Site, make_site

PARTNER_NAME = "BROOK CLINIC"

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


@dataclass
class As2Running:
    """A gateway that runs, its partner, and how the partner sends."""

    gateway: Gateway
    site: Site
    partner: ScriptedPartner

    async def post(self, message: Packaged, *, path: str = "/as2", user: str | None = None) -> Reply:
        """POST /as2."""
        context = ssl.create_default_context(cafile=str(self.site.certificates.authority))
        url = f"https://localhost:{self.gateway.https_port}{path}"
        fields = CIMultiDict(message.headers.fields)
        auth = None if user is None else aiohttp.BasicAuth(user, "right")
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=message.body, headers=fields, ssl=context, auth=auth) as response,
        ):
            names = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
            return Reply(response.status, Headers(tuple(names)), await response.read())

    async def change_partner(self, **text: str) -> None:
        """Another partner's file, in force on return."""
        write_partner(self.site, self.partner.port, **text)
        reloaded = await self.gateway.reload()
        assert "as2clinic" in reloaded.partners, reloaded.faults


def write_partner(
    site: Site,
    port: int,
    *,
    relationship: str = "",
    packaging: str = "",
    dispatch: str = "",
    mode: str = "batch",
    extra: str = "",
) -> None:
    """The partner's file; texts go into the tables that they are named after."""
    text = AS2_PARTNER.format(
        partner_name=PARTNER_NAME,
        port=port,
        certificate=site.folder / "as2" / "partner.pem",
        relationship=relationship,
        packaging=packaging,
        dispatch=dispatch,
        mode=mode,
    )
    site.write_partner("as2clinic", extra + text)


@pytest.fixture(scope="session")
def as2_identities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Issued, Issued]:
    """Ours and the partner's: RSA keys are slow to make."""
    folder = tmp_path_factory.mktemp("as2")
    return make_as2_identity(folder, "gateway"), make_as2_identity(folder, "partner")


@pytest.fixture
async def as2(tmp_path: Path, as2_identities: tuple[Issued, Issued]) -> AsyncIterator[As2Running]:
    """A gateway of its own for a test."""
    site = make_site(tmp_path)
    ours, theirs = (_copied(issued, tmp_path / "as2") for issued in as2_identities)
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


def _copied(issued: Issued, folder: Path) -> Issued:
    folder.mkdir(exist_ok=True)
    certificate = shutil.copy(issued.certificate, folder)
    key = shutil.copy(issued.key, folder)
    return Issued(Path(certificate), Path(key), issued.fingerprint)
