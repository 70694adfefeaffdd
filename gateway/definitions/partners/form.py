"""The form of a partner's file, `partners/<id>.toml`. What each key means is in docs/definitions.md."""

import re
from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.definitions.forms import Form
from gateway.definitions.partners.as2_form import As2Form
from gateway.definitions.partners.limits_form import LimitsForm
from gateway.definitions.settings_form import MAX_RETENTION_DAYS, IdentityForm
from gateway.formats.x12.acknowledge import FunctionalAckMode, InterchangeAckPlace
from gateway.formats.x12.acknowledge_interchange import InterchangeAckMode
from gateway.formats.x12.segments import Delimiters
from gateway.formats.x12.verdict import RejectionUnit
from gateway.pipeline.agreements import CharacterSet
from gateway.pipeline.records import Mode

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
# X12 data elements 142 and 124: application codes of GS02 and GS03.
_APPLICATION = r"^[ -~]{2,15}$"
# A day or two of delay is retransmission; 90 days outlast any partner's own archive of sent files.
_DUPLICATE_WINDOW_DAYS = 90
# CAQH CORE: a real-time answer within 20 seconds, the way there and back included.
_DEADLINE_S = 15.0


class PasswordForm(Form):
    """HTTP Basic; exactly one way to the argon2 hash."""

    user: str = Field(min_length=1, max_length=128)
    password_hash: str | None = None
    password_hash_file: str | None = None
    password_hash_environment: str | None = None

    @model_validator(mode="after")
    def _one_hash(self) -> "PasswordForm":
        given = (self.password_hash, self.password_hash_file, self.password_hash_environment)
        if sum(one is not None for one in given) != 1:
            raise ValueError("needs exactly one of password_hash, password_hash_file, password_hash_environment")
        return self


class CertificateForm(Form):
    """Mutual TLS: the partner's own certificate, or the SHA-256 of one that an authority of ours has issued."""

    name: str = Field(default="certificate", min_length=1, max_length=128)
    file: str | None = None
    sha256: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _one_certificate(self) -> "CertificateForm":
        if (self.file is None) == (self.sha256 is None):
            raise ValueError("needs either file or sha256")
        return self

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, value: str | None) -> str | None:
        plain = None if value is None else value.replace(":", "").lower()
        if plain is not None and _FINGERPRINT.fullmatch(plain) is None:
            raise ValueError("is not 64 hexadecimal digits")
        return plain


class AcknowledgeForm(Form):
    """What is sent back. `delimiters` are element, component, repetition and segment, for example `*:^~`."""

    functional: FunctionalAckMode = Field(default=FunctionalAckMode.BY_VERSION, strict=False)
    interchange: InterchangeAckMode = Field(default=InterchangeAckMode.WHEN_REQUESTED, strict=False)
    place: InterchangeAckPlace = Field(default=InterchangeAckPlace.OWN_INTERCHANGE, strict=False)
    functional_version: str | None = None
    report_warnings: bool = False
    copy_bad_data: bool = True
    delimiters: str | None = None
    line_end: str = Field(default="", pattern=r"^(\r?\n)?$")

    @field_validator("delimiters")
    @classmethod
    def _usable(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 4 or not Delimiters(*value).usable):
            raise ValueError("is not four different characters that no value holds")
        return value


class AgreementForm(Form):
    """One agreement. `guides` are `ST01 GS08`; `rules` are files of companion guides by GS08."""

    name: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    usage: Literal["production", "test"]
    senders: list[IdentityForm] | None = None
    receivers: list[IdentityForm] | None = None
    applications: list[str] = Field(default_factory=list)
    our_applications: list[str] = Field(default_factory=list)
    guides: list[str] = Field(min_length=1)
    mode: Mode = Field(default=Mode.BATCH, strict=False)
    deadline_s: float = Field(default=_DEADLINE_S, gt=0, le=60)
    unit: RejectionUnit = Field(default=RejectionUnit.SET, strict=False)
    duplicate_window_days: int = Field(default=_DUPLICATE_WINDOW_DAYS, ge=0, le=3660)
    ordered: bool = False
    character_set: CharacterSet = Field(default=CharacterSet.EXTENDED, strict=False)
    acknowledge: AcknowledgeForm = AcknowledgeForm()
    limits: LimitsForm = LimitsForm()
    rules: dict[str, list[str]] = Field(default_factory=dict)

    @field_validator("applications", "our_applications")
    @classmethod
    def _codes(cls, values: list[str]) -> list[str]:
        if any(re.fullmatch(_APPLICATION, value) is None for value in values):
            raise ValueError("holds what is no application code of 2 to 15 characters")
        return values


class PartnerForm(Form):
    """A whole file; the partner's id is the file's name."""

    name: str = Field(min_length=1, max_length=200)
    enabled: bool = True
    retention_days: int | None = Field(default=None, ge=1, le=MAX_RETENTION_DAYS)
    identity: list[IdentityForm] = Field(min_length=1)
    password: list[PasswordForm] = Field(default_factory=list)
    certificate: list[CertificateForm] = Field(default_factory=list)
    agreement: list[AgreementForm] = Field(min_length=1)
    as2: list[As2Form] = Field(default_factory=list)
