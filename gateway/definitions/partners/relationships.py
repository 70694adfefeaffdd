"""The `[[as2]]` tables of one partner's file, to relationships.

Owns what a relationship cannot do without, whatever the day is: what time does to certificates is checked elsewhere.
Must not know other partners.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from gateway.definitions.certificates import (
    CredentialError,
    check_strength,
    is_authority,
    name_text,
    read_certificate,
    window,
)
from gateway.definitions.partners.as2_form import As2AuthorityForm, As2CertificateForm, As2Form
from gateway.definitions.partners.dispatch import read_dispatch
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.positions import Path as Place
from gateway.definitions.settings import As2Settings
from gateway.definitions.web_addresses import host_and_port, socket_address
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust, TrustedAuthority
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm, Packaging, Receipt, SecurityPolicy
from gateway.pipeline.relationships import ReceiptTarget, Relationship

_Made = TypeVar("_Made", PartnerCertificate, TrustedAuthority)


class RelationshipReader:
    """Collects faults. `is_vouched_for`: a password or a TLS certificate proves who the partner is as well."""

    def __init__(
        self, document: TomlDocument, partner_id: str, folder: Path, ours: As2Settings, *, is_vouched_for: bool
    ) -> None:
        self.faults: list[Fault] = []
        self._document = document
        self._partner_id = partner_id
        self._folder = folder
        self._ours = ours
        self._is_vouched_for = is_vouched_for
        self._names: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()

    def relationship(self, number: int, form: As2Form) -> Relationship:
        """One relationship; not to be used where `faults` is not empty."""
        our_name = form.our_name or self._ours.name or ""
        self._check_names(number, form, our_name)
        self._check_completeness(number, form)
        dispatch, faults = read_dispatch(self._document, number, form, self._folder)
        self.faults.extend(faults)
        return Relationship(
            partner=self._partner_id,
            name=form.name,
            partner_name=form.partner_name,
            our_name=our_name,
            policy=SecurityPolicy(form.require_signature, form.require_encryption),
            packaging=_packaging(form),
            trust=self._trust(number, form),
            own_keys=self._keys(number, form),
            dispatch=dispatch,
            receipt_targets=_receipt_targets(form),
            size_limit_bytes=form.limits.size_bytes,
            is_ordered=form.ordered,
        )

    def _check_names(self, number: int, form: As2Form, our_name: str) -> None:
        if form.name in self._names:
            self._fault(number, "name", f"{form.name} is there twice")
        self._names.add(form.name)
        if not our_name:
            self._fault(number, "our_name", "is missing, and the settings have no [as2] name")
        if our_name == form.partner_name:
            self._fault(number, "partner_name", f"is our own name too: {our_name}")
        if (our_name, form.partner_name) in self._pairs:
            self._fault(number, "partner_name", f"{form.partner_name} and {our_name} are a relationship already")
        self._pairs.add((our_name, form.partner_name))

    def _check_completeness(self, number: int, form: As2Form) -> None:
        """Looks at what the file names, not at what could be read: one mistake is one fault."""
        uses = {use for entry in form.certificate for use in entry.purposes()}
        verifies = CertificateUse.SIGN in uses or bool(form.authority)
        packaging = form.packaging
        if form.require_signature and not verifies:
            self._fault(number, "", "requires signatures, but has no certificate or authority to verify them with")
        if not form.require_signature and not self._is_vouched_for:
            self._fault(
                number,
                "require_signature",
                "is false, and the partner has neither password nor TLS certificate: nothing would prove who sends",
            )
        if form.url is None:
            return
        if packaging.encrypt != "none" and CertificateUse.ENCRYPT not in uses:
            self._fault(number, "", "encrypts what it sends, but has no certificate to encrypt to")
        if packaging.receipt is not Receipt.NONE and packaging.receipt_signed and not verifies:
            self._fault(number, "packaging", "asks for signed receipts, but has no certificate to verify them with")
        if packaging.receipt is Receipt.ASYNCHRONOUS and self._ours.receipt_url is None:
            self._fault(
                number, "packaging", "asks for asynchronous receipts, but the settings have no [as2] receipt_url"
            )

    def _keys(self, number: int, form: As2Form) -> tuple[OwnKey, ...]:
        known = {key.name: key for key in self._ours.keys}
        for name in form.keys or ():
            if name not in known:
                self._fault(number, "keys", f"{name} is no key of the settings ([[as2.key]])")
        needed = form.require_encryption or (form.url is not None and form.packaging.sign != "none")
        if needed and not known and form.keys is None:
            self._fault(number, "", "signs or is encrypted to, but the settings have no key of ours ([[as2.key]])")
        return tuple(key for name, key in known.items() if form.keys is None or name in form.keys)

    def _trust(self, number: int, form: As2Form) -> Trust:
        pinned = (
            self._read(("as2", number, "certificate", at), entry.file, partial(_pinned, entry))
            for at, entry in enumerate(form.certificate)
        )
        authorities = (
            self._read(("as2", number, "authority", at), entry.file, partial(_authority, entry))
            for at, entry in enumerate(form.authority)
        )
        return Trust(
            tuple(one for one in pinned if one is not None), tuple(one for one in authorities if one is not None)
        )

    def _read(self, place: Place, file: str, make: Callable[[x509.Certificate], _Made]) -> _Made | None:
        try:
            return make(read_certificate((self._folder / file).read_bytes())[0])
        except OSError as error:
            self.faults.append(self._document.fault((*place, "file"), f"{file} cannot be read: {error.strerror}"))
        except CredentialError as error:
            self.faults.append(self._document.fault(place, f"{file} {error}"))
        return None

    def _fault(self, number: int, key: str, message: str) -> None:
        place = ("as2", number, key) if key else ("as2", number)
        self.faults.append(self._document.fault(place, message))


def _pinned(form: As2CertificateForm, certificate: x509.Certificate) -> PartnerCertificate:
    check_strength(certificate)
    usable = window(certificate, form.valid_from, form.valid_until)
    return PartnerCertificate(certificate, form.purposes(), usable.begins, usable.ends)


def _authority(form: As2AuthorityForm, certificate: x509.Certificate) -> TrustedAuthority:
    if not is_authority(certificate):
        raise CredentialError("is no certificate of an authority: pin it as [[as2.certificate]]")
    window(certificate)
    try:
        subject = x509.Name.from_rfc4514_string(form.subject)
    except ValueError:
        raise CredentialError("has a subject beside it that is not written like CN=as2.example.org,O=Example") from None
    return TrustedAuthority(certificate, name_text(subject))


def _packaging(form: As2Form) -> Packaging:
    packaging = form.packaging
    return Packaging(
        digest=None if packaging.sign == "none" else DigestAlgorithm(packaging.sign),
        scheme=packaging.signature_scheme,
        encryption=None if packaging.encrypt == "none" else EncryptionAlgorithm(packaging.encrypt),
        key_transport=packaging.key_transport,
        compression=packaging.compress,
        receipt=packaging.receipt,
        receipt_signed=packaging.receipt_signed,
        receipt_digest=DigestAlgorithm(packaging.receipt_digest),
        content_type=packaging.content_type,
    )


def _receipt_targets(form: As2Form) -> frozenset[ReceiptTarget]:
    """Where nothing is said, the server that our own messages go to anyway."""
    if form.receipt_targets is not None:
        return frozenset(ReceiptTarget(*socket_address(text)) for text in form.receipt_targets)
    return frozenset() if form.url is None else frozenset({ReceiptTarget(*host_and_port(form.url))})
