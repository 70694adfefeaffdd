"""The settings file `gateway.toml`: addresses, files, limits, who we are, downstream applications.

Reads and checks; every fault with file and line. Secrets are not in it: they come from files or the environment, which
it names. Must not know how any of it is used.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, model_validator

from gateway.definitions.forms import Form, read_form
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml
from gateway.pipeline.agreements import Identity

_SHA256 = re.compile(r"[0-9a-f]{64}")
# X12 data elements I05 and I06 (I07): two characters, and up to fifteen.
_QUALIFIER = r"^[A-Z0-9]{2}$"
_INTERCHANGE_ID = r"^[ -~]{1,15}$"
_HIGHEST_PORT = 65535


class IdentityForm(Form):
    """ISA05/ISA06 or ISA07/ISA08."""

    qualifier: str = Field(pattern=_QUALIFIER)
    id: str = Field(pattern=_INTERCHANGE_ID)

    def identity(self) -> Identity:
        """As the pipeline compares it: without trailing blanks."""
        return Identity(self.qualifier, self.id.rstrip())


class HttpsForm(Form):
    """The front door for partners. Paths are relative to the settings file."""

    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=_HIGHEST_PORT)
    certificate: str = "certs/server.pem"
    key: str = "certs/server-key.pem"
    client_authorities: list[str] = Field(default_factory=list)
    body_size_bytes: int = Field(default=2 << 30, ge=1024)


class ConsoleForm(Form):
    """Downstream API, health, metrics and operators: plain HTTP, so loopback by default."""

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=_HIGHEST_PORT)


class StoreForm(Form):
    """Where archive, ledger and spool are kept."""

    folder: str = "data"


class PartnersForm(Form):
    """Where the partners' files are."""

    folder: str = "partners"
    # Long enough to get a new one signed and exchanged.
    certificate_warning_days: int = Field(default=30, ge=0)


class DownstreamForm(Form):
    """One downstream application; exactly one way to its token's SHA-256."""

    token_sha256: str | None = None
    token_sha256_file: str | None = None
    token_sha256_environment: str | None = None

    @model_validator(mode="after")
    def _one_token(self) -> "DownstreamForm":
        given = (self.token_sha256, self.token_sha256_file, self.token_sha256_environment)
        if sum(one is not None for one in given) != 1:
            raise ValueError("needs exactly one of token_sha256, token_sha256_file, token_sha256_environment")
        return self


class EngineForm(Form):
    """How much is done at once, and for how long a worker may be silent."""

    # They mostly wait for shared syncs; two would keep commits from being shared.
    workers: int = Field(default=32, ge=1, le=64)
    lease_s: float = Field(default=60.0, gt=1)
    stop_grace_s: float = Field(default=30.0, ge=0)


class SettingsForm(Form):
    """The whole file."""

    identity: list[IdentityForm] = Field(default_factory=list)
    https: HttpsForm = HttpsForm()
    console: ConsoleForm = ConsoleForm()
    store: StoreForm = StoreForm()
    partners: PartnersForm = PartnersForm()
    engine: EngineForm = EngineForm()
    downstream: dict[str, DownstreamForm] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """The front door. PEM files; `client_authorities` issue the certificates of clients that are not pinned."""

    host: str
    port: int
    certificate: Path
    key: Path
    client_authorities: tuple[Path, ...]
    body_size_bytes: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds; port 0 = any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """See EngineForm."""

    workers: int
    lease_s: float
    stop_grace_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in use: paths absolute, secrets read. `downstream` maps a token's SHA-256 (hex) to a name."""

    file: Path
    identities: tuple[Identity, ...]
    https: HttpsSettings
    console: Address
    store_folder: Path
    partners_folder: Path
    certificate_warning_days: int
    engine: EngineSettings
    downstream: dict[str, str] = field(repr=False)


def load_settings(file: Path) -> Settings:
    """Read and check `gateway.toml`; raises DefinitionError with every fault."""
    settings, faults = load_settings_with_faults(file)
    if settings is None or faults:
        raise DefinitionError(*faults)
    return settings


def load_settings_with_faults(file: Path) -> tuple[Settings | None, tuple[Fault, ...]]:
    """For lint: what could be read and every fault."""
    try:
        document = read_toml(str(file), file.read_bytes())
    except OSError as error:
        return None, (Fault(str(file), 0, "", f"cannot be read: {error.strerror}"),)
    except DefinitionError as error:
        return None, error.faults
    form, faults = read_form(SettingsForm, document)
    if form is None:
        return None, faults
    folder = file.resolve().parent
    downstream, token_faults = _tokens(document, form, folder)
    settings = Settings(
        file=file.resolve(),
        identities=tuple(entry.identity() for entry in form.identity),
        https=HttpsSettings(
            host=form.https.host,
            port=form.https.port,
            certificate=folder / form.https.certificate,
            key=folder / form.https.key,
            client_authorities=tuple(folder / path for path in form.https.client_authorities),
            body_size_bytes=form.https.body_size_bytes,
        ),
        console=Address(form.console.host, form.console.port),
        store_folder=folder / form.store.folder,
        partners_folder=folder / form.partners.folder,
        certificate_warning_days=form.partners.certificate_warning_days,
        engine=EngineSettings(form.engine.workers, form.engine.lease_s, form.engine.stop_grace_s),
        downstream=downstream,
    )
    return settings, token_faults


def _tokens(document: TomlDocument, form: SettingsForm, folder: Path) -> tuple[dict[str, str], tuple[Fault, ...]]:
    tokens: dict[str, str] = {}
    faults: list[Fault] = []
    for name, entry in form.downstream.items():
        try:
            digest = read_secret(
                folder, entry.token_sha256, entry.token_sha256_file, entry.token_sha256_environment
            ).lower()
        except ValueError as error:
            faults.append(document.fault(("downstream", name), str(error)))
            continue
        if _SHA256.fullmatch(digest) is None:
            faults.append(document.fault(("downstream", name), "the token's SHA-256 is not 64 hexadecimal digits"))
        elif digest in tokens:
            faults.append(document.fault(("downstream", name), f"has the same token as {tokens[digest]}"))
        else:
            tokens[digest] = name
    return tokens, tuple(faults)


def read_secret(folder: Path, value: str | None, file: str | None, environment: str | None) -> str:
    """A value given directly, in a file (relative to `folder`) or in the environment; ValueError where it is not there.

    The text of the error names the place, never the value.
    """
    if value is not None:
        return value.strip()
    if file is not None:
        try:
            return (folder / file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"the file {file} cannot be read as ASCII text") from None
    found = os.environ.get(environment or "")
    if found is None:
        raise ValueError(f"the environment has no {environment}")
    return found.strip()
