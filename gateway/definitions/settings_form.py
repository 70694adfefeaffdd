"""The form of the settings file `gateway.toml`. What each key means is in docs/definitions.md."""

from datetime import date

from pydantic import Field, field_validator, model_validator

from gateway.definitions.as2_names import as2_name
from gateway.definitions.forms import Form
from gateway.definitions.web_addresses import web_address
from gateway.pipeline.agreements import Identity

# X12 data elements I05 and I06 (I07): two characters, and up to fifteen.
_QUALIFIER = r"^[A-Z0-9]{2}$"
_INTERCHANGE_ID = r"^[ -~]{1,15}$"
_HIGHEST_PORT = 65535
# A name goes into a partner's file and into a command line.
KEY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
# A century: whoever wants to keep for ever leaves it out.
MAX_RETENTION_DAYS = 36_525


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


class As2KeyForm(Form):
    """A key of ours: certificate and key as two files (or one PEM file named twice), or one PKCS#12 file."""

    name: str = Field(pattern=KEY_NAME)
    certificate: str | None = None
    key: str | None = None
    pkcs12: str | None = None
    chain: list[str] = Field(default_factory=list)
    password_file: str | None = None
    password_environment: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "As2KeyForm":
        if (self.certificate is None) != (self.key is None) or (self.key is None) == (self.pkcs12 is None):
            raise ValueError("needs either certificate and key, or pkcs12")
        if self.password_file is not None and self.password_environment is not None:
            raise ValueError("needs only one of password_file, password_environment")
        return self


class As2Form(Form):
    """Who we are over AS2. `receipt_url` is where partners send asynchronous receipts."""

    name: str | None = None
    receipt_url: str | None = None
    key: list[As2KeyForm] = Field(default_factory=list)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        return None if value is None else as2_name(value)

    @field_validator("receipt_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        return None if value is None else web_address(value)


class ArchiveForm(Form):
    """The key that wraps the archive's keys, and those that did before: each 32 bytes as hexadecimal or base64."""

    key_file: str | None = None
    key_environment: str | None = None
    older_key_files: list[str] = Field(default_factory=list)
    older_key_environments: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_key(self) -> "ArchiveForm":
        if (self.key_file is None) == (self.key_environment is None):
            raise ValueError("needs exactly one of key_file, key_environment: gateway keys archive FILE makes a key")
        return self


class RetentionForm(Form):
    """After how many days the keys of an archived message are destroyed; without it, never."""

    days: int | None = Field(default=None, ge=1, le=MAX_RETENTION_DAYS)


class SettingsForm(Form):
    """The whole file."""

    identity: list[IdentityForm] = Field(default_factory=list)
    https: HttpsForm = HttpsForm()
    console: ConsoleForm = ConsoleForm()
    store: StoreForm = StoreForm()
    partners: PartnersForm = PartnersForm()
    engine: EngineForm = EngineForm()
    as2: As2Form = As2Form()
    archive: ArchiveForm | None = None
    retention: RetentionForm = RetentionForm()
    downstream: dict[str, DownstreamForm] = Field(default_factory=dict)
