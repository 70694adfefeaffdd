"""The settings file `gateway.toml`: addresses, files, limits, who we are, our keys, downstream applications.

Reads and checks; every fault with file and line. Secrets are not in it: they come from files or the environment, which
it names. Must not know how any of it is used.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from gateway.definitions.archive_keys import ArchiveKeys, archive_key_files, read_archive_keys
from gateway.definitions.forms import read_form
from gateway.definitions.own_keys import own_key_files, read_own_keys
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml
from gateway.definitions.secret_values import read_secret
from gateway.definitions.settings_form import SettingsForm
from gateway.envelopes.as2.credentials import OwnKey
from gateway.pipeline.agreements import Identity

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    """How much is done at once, and for how long a worker may be silent."""

    workers: int
    lease_s: float
    stop_grace_s: float


@dataclass(frozen=True, slots=True)
class As2Settings:
    """Who we are over AS2. `name` is our name where a relationship says no other; `keys` are in the file's order.

    `receipt_url` is where partners send asynchronous receipts, None where none can be asked for.
    """

    name: str | None = None
    receipt_url: str | None = None
    keys: tuple[OwnKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in use: paths absolute, secrets read. `downstream` maps a token's SHA-256 (hex) to a name.

    `archive_keys` is None where none are configured. `retention_days` is None where messages are kept for ever; a
    partner may say otherwise. `secret_files` are the files that nobody else may read.
    """

    file: Path
    identities: tuple[Identity, ...]
    https: HttpsSettings
    console: Address
    store_folder: Path
    partners_folder: Path
    certificate_warning_days: int
    engine: EngineSettings
    as2: As2Settings
    archive_keys: ArchiveKeys | None
    retention_days: int | None
    downstream: dict[str, str] = field(repr=False)
    secret_files: tuple[Path, ...]
    document: TomlDocument = field(repr=False)


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
    archive_keys, archive_faults = read_archive_keys(document, form.archive, folder)
    found = tuple(read_own_keys(document, form.as2.key, folder))
    keys = tuple(one for one in found if isinstance(one, OwnKey))
    https = _https(form, folder)
    settings = Settings(
        file=file.resolve(),
        identities=tuple(entry.identity() for entry in form.identity),
        https=https,
        console=Address(form.console.host, form.console.port),
        store_folder=folder / form.store.folder,
        partners_folder=folder / form.partners.folder,
        certificate_warning_days=form.partners.certificate_warning_days,
        engine=EngineSettings(form.engine.workers, form.engine.lease_s, form.engine.stop_grace_s),
        as2=As2Settings(form.as2.name, form.as2.receipt_url, keys),
        archive_keys=archive_keys,
        retention_days=form.retention.days,
        downstream=downstream,
        secret_files=(
            https.key,
            *own_key_files(form.as2.key, folder),
            *archive_key_files(form.archive, folder),
        ),
        document=document,
    )
    return settings, (*token_faults, *archive_faults, *(one for one in found if isinstance(one, Fault)))


def _https(form: SettingsForm, folder: Path) -> HttpsSettings:
    return HttpsSettings(
        host=form.https.host,
        port=form.https.port,
        certificate=folder / form.https.certificate,
        key=folder / form.https.key,
        client_authorities=tuple(folder / path for path in form.https.client_authorities),
        body_size_bytes=form.https.body_size_bytes,
    )


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
