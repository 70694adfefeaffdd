"""How what we send to a partner travels: `url` and `[as2.dispatch]` of a relationship, with its files and password.

Owns checking that a TLS client could use the files. Must not know what is sent. No error text holds a secret.
"""

from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.definitions.certificates import CredentialError, read_pem_certificates
from gateway.definitions.partners.as2_form import As2Form, DispatchForm
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.secret_values import read_secret
from gateway.pipeline.relationships import Dispatch


def read_dispatch(
    document: TomlDocument, number: int, form: As2Form, folder: Path
) -> tuple[Dispatch, tuple[Fault, ...]]:
    """The terms of relationship `number`; not to be used where there are faults."""
    terms = form.dispatch
    password, faults = (
        None,
        [document.fault(("as2", number, "dispatch", key), message) for key, message in _unusable_files(terms, folder)],
    )
    if terms.user is not None:
        try:
            password = read_secret(folder, None, terms.password_file, terms.password_environment)
        except ValueError as error:
            faults.append(document.fault(("as2", number, "dispatch"), str(error)))
    dispatch = Dispatch(
        url=form.url,
        timeout_s=terms.timeout_s,
        attempts=terms.attempts,
        receipt_deadline_s=terms.receipt_deadline_s,
        authority=_absolute(folder, terms.authority),
        client_certificate=_absolute(folder, terms.client_certificate),
        client_key=_absolute(folder, terms.client_key),
        user=terms.user,
        password=password,
    )
    return dispatch, tuple(faults)


def dispatch_secret_files(form: DispatchForm, folder: Path) -> tuple[Path, ...]:
    """The files that nobody else may read."""
    return tuple(folder / file for file in (form.client_key, form.password_file) if file is not None)


def _absolute(folder: Path, file: str | None) -> str | None:
    return None if file is None else str((folder / file).resolve())


def _unusable_files(form: DispatchForm, folder: Path) -> Iterator[tuple[str, str]]:
    """Key and sentence of each file that a TLS client could not use."""
    if form.authority is not None:
        try:
            read_pem_certificates((folder / form.authority).read_bytes())
        except OSError as error:
            yield "authority", f"{form.authority} cannot be read: {error.strerror}"
        except CredentialError as error:
            yield "authority", f"{form.authority} {error}"
    if form.client_certificate is not None and form.client_key is not None:
        try:
            _check_client(folder / form.client_certificate, folder / form.client_key)
        except OSError as error:
            yield "client_certificate", f"{error.filename} cannot be read: {error.strerror}"
        except CredentialError as error:
            yield "client_certificate", f"{form.client_certificate} {error}"


def _check_client(certificate_file: Path, key_file: Path) -> None:
    """Any kind of key, unlike for AS2 itself: it is TLS that uses it. Raises CredentialError."""
    certificate = read_pem_certificates(certificate_file.read_bytes())[0]
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except TypeError:
        raise CredentialError(
            "has a key that is encrypted: keep it without a password, readable by the gateway alone"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialError("has a key that is no PEM private key") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CredentialError("has the key of another certificate")
