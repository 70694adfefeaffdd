"""What the demo needs on disk: settings, three partners, a downstream application, certificates, all in one folder.

Owns these files. Must not know what the demo does with them. Passwords and tokens are made anew each time.
"""

import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from argon2 import PasswordHasher

from gateway.api.tokens import new_token
from gateway.cli.development_certificates import (
    DevelopmentCertificates,
    Issued,
    make_as2_identity,
    make_development_certificates,
    make_self_signed_client,
)
from gateway.cli.key_files import write_secret
from gateway.definitions.archive_keys import new_archive_key

CLINIC_USER = "brookside"
DOWNSTREAM = "claims-office"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything is, and the secrets that the demo's partners know."""

    settings: Path
    certificates: DevelopmentCertificates
    mill: Issued
    our_as2: Issued
    cedar_as2: Issued
    cedar_listening: socket.socket
    clinic_password: str = field(repr=False)
    token: str = field(repr=False)


def make_workspace(folder: Path) -> Workspace:
    """Write everything. Ports are free ones of the moment."""
    certificates = make_development_certificates(folder / "certificates", ())
    mill = make_self_signed_client(folder / "certificates", "lakeside-mill")
    ours = make_as2_identity(folder / "certificates", "harborgate-as2")
    cedar = make_as2_identity(folder / "certificates", "cedar-as2")
    listening = socket.create_server(("127.0.0.1", 0))
    password = secrets.token_urlsafe(9)
    token, digest = new_token()
    settings = folder / "gateway.toml"
    write_secret(folder / "archive.key", new_archive_key().encode())
    settings.write_text(
        _SETTINGS.format(server=certificates.server, downstream=DOWNSTREAM, digest=digest, as2=ours), "utf-8"
    )
    partners = folder / "partners"
    partners.mkdir()
    hashed = PasswordHasher().hash(password)
    (partners / "brookside.toml").write_text(_CLINIC.format(user=CLINIC_USER, hashed=hashed), "utf-8")
    (partners / "lakeside.toml").write_text(_MILL.format(certificate=mill.certificate), "utf-8")
    port = listening.getsockname()[1]
    (partners / "cedar.toml").write_text(_CEDAR.format(certificate=cedar.certificate, port=port), "utf-8")
    return Workspace(settings, certificates, mill, ours, cedar, listening, password, token)


_SETTINGS = """\
# Who we are to our partners (ISA07 and ISA08 of what they send).
[[identity]]
qualifier = "ZZ"
id = "HARBORGATE"

[https]
port = 0
certificate = "{server.certificate}"
key = "{server.key}"

[console]
port = 0

[store]
folder = "store"

# Who we are over AS2.
[as2]
name = "HARBORGATE"

[[as2.key]]
name = "2026"
certificate = "{as2.certificate}"
key = "{as2.key}"

# What is archived is encrypted under keys that this one wraps.
[archive]
key_file = "archive.key"

[downstream.{downstream}]
token_sha256 = "{digest}"
"""

_CLINIC = """\
name = "Brookside Clinic"

[[identity]]
qualifier = "ZZ"
id = "BROOKCLINIC"

[[password]]
user = "{user}"
password_hash = "{hashed}"

# Real time: the acknowledgements are in the reply.
[[agreement]]
usage = "test"
guides = ["837 005010X222A1", "834 005010X220A1"]
mode = "real_time"

[agreement.acknowledge]
line_end = "\\n"
"""

_MILL = """\
name = "Lakeside Mill"

[[identity]]
qualifier = "ZZ"
id = "LAKESIDEMILL"

# No password: a certificate of its own.
[[certificate]]
name = "edi-server"
file = "{certificate}"

# Batch: acknowledgements, as a 997, wait in the outbox.
[[agreement]]
usage = "test"
guides = ["834 005010X220A1"]
mode = "batch"

[agreement.acknowledge]
functional = "997"
line_end = "\\n"
"""

_CEDAR = """\
name = "Cedar Billing"

[[identity]]
qualifier = "ZZ"
id = "CEDARBILLING"

# Over AS2: its signature proves who it is, its acknowledgements go back the same way.
[[as2]]
partner_name = "CEDAR BILLING"
url = "http://127.0.0.1:{port}/as2"

[[as2.certificate]]
file = "{certificate}"

[[agreement]]
usage = "test"
guides = ["837 005010X222A1"]
mode = "batch"

[agreement.acknowledge]
interchange = "when_requested"
line_end = "\\n"
"""
