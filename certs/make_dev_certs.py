"""Write development certificates: `python certs/make_dev_certs.py [FOLDER] [--client NAME ...] [--as2 NAME ...]`."""

import argparse
from pathlib import Path

from gateway.cli.development_certificates import make_as2_identity, make_development_certificates

# Ignored by git; the README beside this file says what may stand where.
DEFAULT_FOLDER = Path(__file__).parent / "dev"


def main() -> None:
    """Make the certificates and say where they are."""
    parser = argparse.ArgumentParser(description="Make a development authority, a server and client certificates.")
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--client", action="append", default=[], metavar="NAME", help="a client certificate to issue")
    parser.add_argument("--as2", action="append", default=[], metavar="NAME", help="an AS2 key with its certificate")
    arguments = parser.parse_args()
    made = make_development_certificates(arguments.folder, tuple(arguments.client or ["partner"]))
    print(f"authority    {made.authority}")
    print(f"server       {made.server.certificate} (key {made.server.key})")
    for name, issued in made.clients.items():
        print(f"client {name}: {issued.certificate} (key {issued.key})")
        print(f"  SHA-256 fingerprint for the partner's file: {issued.fingerprint}")
    for name in arguments.as2:
        identity = make_as2_identity(arguments.folder, name)
        print(f"AS2 {name}: {identity.certificate} (key {identity.key})")


if __name__ == "__main__":
    main()
