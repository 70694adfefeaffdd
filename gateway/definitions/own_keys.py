"""Our own AS2 keys, as `[[as2.key]]` of the settings names them.

Owns reading them and their passwords. Must not know which relationship uses which. No error text holds a secret.
"""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from gateway.definitions.certificates import (
    CredentialError,
    KeyPair,
    read_certificates,
    read_key_pair,
    read_pkcs12,
    window,
)
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.secret_values import read_secret
from gateway.definitions.settings_form import As2KeyForm
from gateway.envelopes.as2.credentials import OwnKey


def read_own_keys(document: TomlDocument, forms: list[As2KeyForm], folder: Path) -> Iterator[OwnKey | Fault]:
    """Each key in its order, or why it cannot be used."""
    names: set[str] = set()
    for number, form in enumerate(forms):
        place = ("as2", "key", number)
        if form.name in names:
            yield document.fault((*place, "name"), f"{form.name} is there twice")
        names.add(form.name)
        try:
            pair = _pair(form, folder)
            usable = window(pair.certificate, form.valid_from, form.valid_until)
            chain = (*pair.chain, *_chain(form, folder))
        except OSError as error:
            yield document.fault(place, f"{error.filename} cannot be read: {error.strerror}")
        except CredentialError as error:
            yield document.fault(place, f"{form.name} {error}")
        except ValueError as error:
            yield document.fault(place, str(error))
        else:
            yield OwnKey(form.name, pair.certificate, pair.key, chain, usable.begins, usable.ends)


def own_key_files(forms: list[As2KeyForm], folder: Path) -> tuple[Path, ...]:
    """The files with private keys and passwords."""
    named = (file for form in forms for file in (form.key, form.pkcs12, form.password_file))
    return tuple(folder / file for file in named if file is not None)


def _pair(form: As2KeyForm, folder: Path) -> KeyPair:
    password = _password(form, folder)
    if form.pkcs12 is not None:
        return read_pkcs12((folder / form.pkcs12).read_bytes(), password)
    certificate = (folder / (form.certificate or "")).read_bytes()
    return read_key_pair(certificate, (folder / (form.key or "")).read_bytes(), password)


def _password(form: As2KeyForm, folder: Path) -> bytes | None:
    if form.password_file is None and form.password_environment is None:
        return None
    return read_secret(folder, None, form.password_file, form.password_environment).encode()


def _chain(form: As2KeyForm, folder: Path) -> Iterator[x509.Certificate]:
    for file in form.chain:
        try:
            yield from read_certificates((folder / file).read_bytes())
        except CredentialError as error:
            raise CredentialError(f"has a chain that cannot be used: {file} {error}") from None
