"""`gateway keys`: make what proves who someone is, for the settings and partners' files.

Owns what is shown once and what is to be kept. Must not write any file: where a secret belongs, its owner decides.
"""

import typer
from argon2 import PasswordHasher
from rich.console import Console

from gateway.api.tokens import new_token

app = typer.Typer(no_args_is_help=True, help="Tokens and password hashes.")
output = Console(highlight=False, soft_wrap=True)


@app.command()
def token(name: str) -> None:
    """Make a token for a downstream application; it is shown once."""
    made, digest = new_token()
    output.print(f"For the application, shown only now: {made}", markup=False)
    output.print("For gateway.toml:", markup=False)
    output.print(f'[downstream.{name}]\ntoken_sha256 = "{digest}"', markup=False)


@app.command()
def password() -> None:
    """Ask for a password and show its argon2 hash for a partner's file."""
    entered = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    output.print(f'password_hash = "{PasswordHasher().hash(entered)}"', markup=False)
