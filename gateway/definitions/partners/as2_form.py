"""The form of the `[[as2]]` tables of a partner's file. What each key means is in docs/definitions.md."""

from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gateway.definitions.as2_names import as2_name
from gateway.definitions.forms import Form
from gateway.definitions.partners.limits_form import LimitsForm
from gateway.definitions.web_addresses import socket_address, web_address
from gateway.envelopes.as2.credentials import CertificateUse
from gateway.envelopes.as2.profile import Compression, KeyTransport, Receipt, SignatureScheme

# A partner reads, decrypts and verifies a large file before its synchronous receipt goes out.
_TIMEOUT_S = 300.0
# With the engine's backoff (1 s doubled, at most 5 minutes) about 15 minutes: a restart at the partner's passes,
# an outage wakes an operator while it lasts.
_ATTEMPTS = 11
# Products answer within minutes. A later receipt still counts; until then somebody has had a look.
_RECEIPT_DEADLINE_S = 3600.0
_LONGEST_DEADLINE_S = 30 * 86_400
# RFC 2045 section 5.1: a type and a subtype, without parameters.
_CONTENT_TYPE = r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$"
# Read from partners that cannot do better. NIST SP 800-131A disallows both for new protection.
_NEVER_WRITTEN = ("sha1", "3des")


class As2CertificateForm(Form):
    """A certificate of the partner, pinned. Several with windows that overlap let it change its key in its own time."""

    file: str
    uses: list[Literal["sign", "encrypt"]] = Field(default=["sign", "encrypt"], min_length=1)
    valid_from: date | None = None
    valid_until: date | None = None

    def purposes(self) -> frozenset[CertificateUse]:
        """What it is for."""
        return frozenset(CertificateUse(use) for use in self.uses)


class As2AuthorityForm(Form):
    """Instead of a pinned certificate, for signatures: whatever `file` issued to `subject` (RFC 4514)."""

    file: str
    subject: str = Field(min_length=1)


class PackagingForm(Form):
    """How what we send is signed, encrypted and compressed, and which receipt it asks for."""

    sign: Literal["sha256", "sha384", "sha512", "none"] = "sha256"
    signature_scheme: SignatureScheme = Field(default=SignatureScheme.PKCS1V15, strict=False)
    encrypt: Literal["aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm", "none"] = (
        "aes256-cbc"
    )
    key_transport: KeyTransport = Field(default=KeyTransport.PKCS1V15, strict=False)
    compress: Compression = Field(default=Compression.NONE, strict=False)
    receipt: Receipt = Field(default=Receipt.SYNCHRONOUS, strict=False)
    receipt_signed: bool = True
    receipt_digest: Literal["sha256", "sha384", "sha512"] = "sha256"
    content_type: str = Field(default="application/EDI-X12", pattern=_CONTENT_TYPE)

    @field_validator("sign", "encrypt", "receipt_digest", mode="before")
    @classmethod
    def _strong(cls, value: Any) -> Any:
        if value in _NEVER_WRITTEN:
            raise ValueError(f"{value} is read from partners but never written, since it no longer protects")
        return value


class DispatchForm(Form):
    """How what we send travels. Files are relative to the partner's file."""

    timeout_s: float = Field(default=_TIMEOUT_S, gt=0, le=3600)
    attempts: int = Field(default=_ATTEMPTS, ge=1, le=100)
    receipt_deadline_s: float = Field(default=_RECEIPT_DEADLINE_S, gt=0, le=_LONGEST_DEADLINE_S)
    authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    user: str | None = Field(default=None, min_length=1, max_length=128, pattern="^[^:]+$")
    password_file: str | None = None
    password_environment: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "DispatchForm":
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("needs client_certificate and client_key together")
        sources = sum(one is not None for one in (self.password_file, self.password_environment))
        if sources != (0 if self.user is None else 1):
            raise ValueError("needs user together with exactly one of password_file, password_environment")
        return self


class As2Form(Form):
    """One relationship: a pair of AS2 names."""

    name: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    partner_name: str
    our_name: str | None = None
    url: str | None = None
    require_signature: bool = True
    require_encryption: bool = True
    keys: list[str] | None = Field(default=None, min_length=1)
    receipt_targets: list[str] | None = None
    ordered: bool = False
    certificate: list[As2CertificateForm] = Field(default_factory=list)
    authority: list[As2AuthorityForm] = Field(default_factory=list)
    packaging: PackagingForm = PackagingForm()
    dispatch: DispatchForm = DispatchForm()
    limits: LimitsForm = LimitsForm()

    @field_validator("partner_name", "our_name")
    @classmethod
    def _names(cls, value: str | None) -> str | None:
        return None if value is None else as2_name(value)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return None if value is None else web_address(value)

    @field_validator("receipt_targets")
    @classmethod
    def _targets(cls, values: list[str] | None) -> list[str] | None:
        for value in values or ():
            socket_address(value)
        return values
