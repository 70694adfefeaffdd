"""A whole gateway on loopback over real TLS: two partners with passwords, one with a certificate, one downstream."""

import itertools
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from argon2 import PasswordHasher

from gateway.api.tokens import new_token
from gateway.bootstrap.gateway import Gateway
from gateway.cli.development_certificates import (
    DevelopmentCertificates,
    Issued,
    make_development_certificates,
    make_self_signed_client,
)
from gateway.cli.logs import QUIETED_LIBRARIES
from gateway.definitions.archive_keys import new_archive_key
from gateway.definitions.settings import load_settings

PASSWORD = "right"
# The cheapest parameters that argon2 takes: what is tested is not its strength.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
BODY_SIZE_BYTES = 64 << 20
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with settings, partners and certificates, as an operator would have it."""

    folder: Path
    certificates: DevelopmentCertificates
    lab: Issued
    token: str

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "gateway.toml"

    def write_partner(self, name: str, text: str) -> None:
        """Add or replace a partner's file."""
        (self.folder / "partners" / f"{name}.toml").write_text(text, "utf-8")


def partner_text(interchange_id: str, user: str, *, mode: str = "real_time", usage: str = "test") -> str:
    """A partner's file with a password."""
    return f"""
name = "{user}"
[[identity]]
qualifier = "ZZ"
id = "{interchange_id}"
[[password]]
user = "{user}"
password_hash = "{HASH}"
[[agreement]]
usage = "{usage}"
guides = ["837 005010X222A1", "834 005010X220A1"]
mode = "{mode}"
[agreement.acknowledge]
interchange = "always"
"""


def make_site(folder: Path) -> Site:
    """A clinic, a payer and a hospital in real time, a mill in batch, a lab, a broken file.

    The lab has a certificate of its own, the hospital one that our authority issued; the others have passwords.
    """
    certificates = make_development_certificates(folder / "certificates", ("hospital", "stranger"))
    lab = make_self_signed_client(folder / "certificates", "lab")
    token, digest = new_token()
    (folder / "partners").mkdir()
    (folder / "archive.key").write_text(new_archive_key())
    (folder / "archive.key").chmod(0o600)
    (folder / "gateway.toml").write_text(
        f"""
[[identity]]
qualifier = "ZZ"
id = "HARBORGATE"
[https]
port = 0
certificate = "{certificates.server.certificate}"
key = "{certificates.server.key}"
client_authorities = ["{certificates.authority}"]
body_size_bytes = {BODY_SIZE_BYTES}
[console]
port = 0
[archive]
key_file = "archive.key"
[downstream.office]
token_sha256 = "{digest}"
"""
    )
    site = Site(folder, certificates, lab, token)
    site.write_partner("clinic", partner_text("BROOKCLINIC", "clinic"))
    site.write_partner("payer", partner_text("PAYER", "payer", usage="production"))
    site.write_partner("mill", partner_text("MILL", "mill", mode="batch"))
    lab_text = partner_text("LAB", "lab").replace(
        f'[[password]]\nuser = "lab"\npassword_hash = "{HASH}"', f'[[certificate]]\nfile = "{lab.certificate}"'
    )
    site.write_partner("lab", lab_text)
    hospital_text = partner_text("HOSPITAL", "hospital").replace(
        f'[[password]]\nuser = "hospital"\npassword_hash = "{HASH}"',
        f'[[certificate]]\nsha256 = "{certificates.clients["hospital"].fingerprint}"',
    )
    site.write_partner("hospital", hospital_text)
    site.write_partner("broken", 'name = "Broken\n[[identity]]\n')
    return site


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as Latin-1."""
        return self.body.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs, and how to speak to it."""

    gateway: Gateway
    site: Site

    @property
    def url(self) -> str:
        """Where partners and downstream applications connect."""
        return f"https://localhost:{self.gateway.https_port}"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        password: str = PASSWORD,
        token: bool = False,
        certificate: Issued | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        context = ssl.create_default_context(cafile=str(self.site.certificates.authority))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        headers = {}
        if user is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        if token:
            headers["Authorization"] = f"Bearer {self.site.token}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, data=body, headers=headers, ssl=context) as response,
        ):
            return Reply(response.status, dict(response.headers), await response.read())

    async def post(self, text: Any, *, user: str = "clinic") -> Reply:
        """POST /exchange as a partner."""
        return await self.call("POST", "/exchange", text, user=user)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One site for a module's tests."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway of its own for a test that changes it."""
    own = make_site(tmp_path)
    gateway = await Gateway.open(load_settings(own.settings))
    yield Running(gateway, own)
    await gateway.stop()


@pytest.fixture
def logs_as_they_were() -> Iterator[None]:
    """Logging is global: what a command configures in this process ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    libraries = {name: logging.getLogger(name).level for name in QUIETED_LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in libraries.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.fixture
def number() -> Iterator[int]:
    """An interchange control number that no other test uses."""
    return next(_numbers)


def claims(number: int, *, sender: str = "BROOKCLINIC", receiver: str = "HARBORGATE", usage: str = "T") -> bytes:
    """Two claims (837P) that the guide accepts."""
    text = (files("gateway.cli.demo_data") / "claims-accepted.edi").read_text("ascii")
    return (
        text.replace("000000101", f"{number:09d}")
        .replace("*101*X", f"*{number}*X")
        .replace("GE*1*101", f"GE*1*{number}")
        .replace("BROOKCLINIC    ", sender.ljust(15))
        .replace("HARBORGATE     ", receiver.ljust(15))
        .replace("*T*:", f"*{usage}*:")
        .encode()
    )
