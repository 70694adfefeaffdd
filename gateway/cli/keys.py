"""`gateway keys`: make, take over and look at what proves who someone is.

Owns what is asked and shown. Must not know how a key is read, made or written. A secret is asked for, or comes from a
file or the environment: a command line can be seen by every user of the machine.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from argon2 import PasswordHasher
from cryptography import x509
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.api.tokens import new_token
from gateway.cli.certificate_words import certificate_lines, time_left
from gateway.cli.configuration import (
    DEFAULT_CONFIG,
    EXIT_UNREADABLE,
    ConfigOption,
    errors,
    settings_of,
    show_faults,
)
from gateway.cli.configuration import output as tables
from gateway.cli.key_files import KeyFiles, write_key_and_request, write_key_pair, write_secret
from gateway.cli.key_import import PasswordSource, read_for_show, read_own
from gateway.cli.key_making import certificate_request, new_rsa_key, self_signed
from gateway.cli.partner_certificates import PinnedCertificate, add_certificate
from gateway.cli.partner_files import loaded_partners, toml_text
from gateway.definitions.archive_keys import new_archive_key
from gateway.definitions.certificates import CredentialError, KeyPair
from gateway.definitions.inventory import HeldCertificate, held_certificates
from gateway.definitions.settings import Settings
from gateway.definitions.settings_form import KEY_NAME
from gateway.envelopes.as2.credentials import CertificateUse

app = typer.Typer(no_args_is_help=True, help="Tokens, password hashes, keys and certificates.")
# A fingerprint may hold `:CD:`, which would become a picture of one.
output = Console(highlight=False, soft_wrap=True, emoji=False)

# Partners have to change a certificate by hand: not every year, yet often enough that everybody knows how.
_VALID_DAYS = 730
# A partner's clock may be behind.
_CLOCK_SKEW = timedelta(hours=1)

Size = Literal["2048", "3072", "4096"]
# NIST SP 800-57 part 1 asks for 128 bits of security beyond 2030: 3072-bit RSA has them, and costs less than 4096.
_SIZE: Size = "3072"

FolderOption = Annotated[Path, typer.Option(help="Where the files are written.")]
PasswordFileOption = Annotated[Path | None, typer.Option(help="A file with the password of the key.")]
PasswordEnvironmentOption = Annotated[
    str | None, typer.Option(help="The environment variable that holds the password of the key.")
]
DayOption = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Narrows the certificate's own time.")]


@app.command()
def token(name: str) -> None:
    """Make a token for a downstream application; it is shown once."""
    made, digest = new_token()
    _print(f"For the application, shown only now: {made}")
    _print("For gateway.toml:")
    _print(f'[downstream.{name}]\ntoken_sha256 = "{digest}"')


@app.command()
def password() -> None:
    """Ask for a password and show its argon2 hash for a partner's file."""
    entered = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    _print(f'password_hash = "{PasswordHasher().hash(entered)}"')


@app.command()
def archive(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Make the key that the archive is encrypted under. Without it the archive cannot be read: keep a copy."""
    try:
        write_secret(file, f"{new_archive_key()}\n".encode())
    except OSError as error:
        _end(f"{file}: {error.strerror}")
    _print(f"Written: {file}, for this user alone. Keep a copy where the archive is not.")
    _print(f"For gateway.toml:\n[archive]\nkey_file = {toml_text(str(file))}")


@app.command()
def make(  # noqa: PLR0917 - typer makes options of them
    name: Annotated[str, typer.Argument(help="The key's name, for example the year: as2-2026.")],
    subject: Annotated[str, typer.Option(help="Whom the certificate names: CN=as2.example.org,O=Example")],
    folder: FolderOption = Path("certs"),
    size: Annotated[Size, typer.Option(help="Bits of the RSA key.")] = _SIZE,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the certificate is valid.")] = _VALID_DAYS,
    request: Annotated[
        bool, typer.Option("--request", help="Make a request for an authority instead of a certificate.")
    ] = False,
) -> None:
    """Make an RSA key of ours for AS2, and a self-signed certificate for partners to pin."""
    _check_name(name)
    try:
        whom = x509.Name.from_rfc4514_string(subject)
    except ValueError:
        _end("The subject is written like CN=as2.example.org,O=Example")
    key, now = new_rsa_key(int(size)), datetime.now(UTC)
    try:
        if request:
            files = write_key_and_request(folder, name, key, certificate_request(key, whom))
            _print(f"Written: {files.key}, for this user alone, and {files.certificate} for the authority.")
            _print("What it issues goes into gateway.toml as `certificate`, PEM or DER, with the key above as `key`.")
            return
        certificate = self_signed(key, whom, now - _CLOCK_SKEW, now + timedelta(days=days))
        _show_own(name, KeyPair(certificate, key), write_key_pair(folder, name, KeyPair(certificate, key)))
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}")


@app.command("import")
def import_(  # noqa: PLR0917 - typer makes options of them
    file: Annotated[Path, typer.Argument(help="A certificate in PEM, DER or PKCS#7, or a PKCS#12 file.")],
    key: Annotated[Path | None, typer.Option(help="The private key, where it is not in the same file.")] = None,
    name: Annotated[str | None, typer.Option(help="The key's name; otherwise that of the file.")] = None,
    folder: FolderOption = Path("certs"),
    password_file: PasswordFileOption = None,
    password_environment: PasswordEnvironmentOption = None,
    partner: Annotated[str | None, typer.Option(help="It is this partner's certificate, not a key of ours.")] = None,
    relationship: Annotated[str | None, typer.Option(help="Which of the partner's AS2 relationships.")] = None,
    use: Annotated[list[CertificateUse] | None, typer.Option(help="Otherwise both.")] = None,
    valid_from: DayOption = None,
    valid_until: DayOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take over a key of ours, or with --partner a certificate of a partner, as PEM."""
    try:
        if partner is not None:
            begins, ends = (None if day is None else day.date() for day in (valid_from, valid_until))
            pinned = PinnedCertificate(file, tuple(use or ()), begins, ends)
            added = add_certificate(settings_of(config), partner, relationship, pinned)
            _print_certificate(added.certificate)
            _print(f"Written: {added.file}, and named in {added.partner_file}. Compare the SHA-256 with the partner.")
            _print("The running server takes it over with: gateway partners reload")
            return
        own_name = name or file.stem
        _check_name(own_name)
        pair = read_own(file, key, PasswordSource(password_file, password_environment))
        _show_own(own_name, pair, write_key_pair(folder, own_name, pair))
    except CredentialError as error:
        _end(f"{file} {error}")
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="Certificates in PEM, DER or PKCS#7, or a PKCS#12 file.")],
    password_file: PasswordFileOption = None,
    password_environment: PasswordEnvironmentOption = None,
) -> None:
    """Show what the certificates of a file say; no key is shown."""
    try:
        certificates = read_for_show(file, PasswordSource(password_file, password_environment))
    except CredentialError as error:
        _end(f"{file} {error}")
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}")
    for number, certificate in enumerate(certificates):
        if number:
            _print("")
        _print_certificate(certificate)


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show every certificate, ours and partners', and how long it counts; exit 1 where a file is faulty."""
    settings = settings_of(config)
    held, is_sound = _held(settings)
    _print_table(held)
    if not is_sound:
        raise typer.Exit(1)


@app.command()
def expiring(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show what ends within the settings' certificate_warning_days or has ended; exit 1 where there is any."""
    settings = settings_of(config)
    held, is_sound = _held(settings)
    limit = datetime.now(UTC) + timedelta(days=settings.certificate_warning_days)
    ending = [one for one in held if one.valid_until is not None and one.valid_until <= limit]
    if ending:
        _print_table(ending)
    else:
        _print(f"Nothing ends within {settings.certificate_warning_days} days.")
    if ending or not is_sound:
        raise typer.Exit(1)


def _check_name(name: str) -> None:
    """It becomes a file's name, and the settings have to take it."""
    if re.fullmatch(KEY_NAME, name) is None:
        _end("A key's name has letters, digits, dots, dashes and underscores, as 2026 or harbor-2026.")


def _held(settings: Settings) -> tuple[tuple[HeldCertificate, ...], bool]:
    """The certificates, and whether every partner's file could be used."""
    loaded = loaded_partners(settings)
    show_faults(loaded.faults)
    return held_certificates(settings, loaded), not loaded.faults


def _print_table(held: tuple[HeldCertificate, ...] | list[HeldCertificate]) -> None:
    table = Table("whose", "for", "name", "subject", "from", "until", "left", "SHA-256", box=None, header_style="bold")
    now = datetime.now(UTC)
    for one in held:
        begins, ends = (f"{day:%Y-%m-%d}" if day else "" for day in (one.valid_from, one.valid_until))
        left = time_left(one.valid_from, one.valid_until, now)
        whose = one.partner or "ours"
        row = (whose, one.purpose.value, one.name, one.subject, begins, ends, left, one.sha256[:16])
        table.add_row(*(escape(cell) for cell in row))
    tables.print(table)


def _show_own(name: str, pair: KeyPair, files: KeyFiles) -> None:
    _print_certificate(pair.certificate)
    _print(f"Written: {files.certificate} (for partners) and {files.key} (for this user alone)")
    _print("For gateway.toml, the paths relative to it:")
    _print(f"[[as2.key]]\nname = {toml_text(name)}")
    _print(f"certificate = {toml_text(str(files.certificate))}\nkey = {toml_text(str(files.key))}")
    if files.chain is not None:
        _print(f"chain = [{toml_text(str(files.chain))}]")


def _print_certificate(certificate: x509.Certificate) -> None:
    for line in certificate_lines(certificate, datetime.now(UTC)):
        _print(line)


def _print(text: str) -> None:
    output.print(text, markup=False)


def _end(text: str) -> NoReturn:
    errors.print(escape(text))
    raise typer.Exit(EXIT_UNREADABLE)
