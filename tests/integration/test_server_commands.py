"""`gateway serve` as a process, and the commands that speak to it or read beside it."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.integration.conftest import PASSWORD, Site, claims, make_site, partner_text

pytestmark = pytest.mark.usefixtures("logs_as_they_were")

READY_S = 30.0


@dataclass
class Server:
    """A server process; its log so far is in a file."""

    process: subprocess.Popen[bytes]
    log: Path
    site: Site

    def events(self, name: str) -> list[dict[str, object]]:
        """The events of this name that it has logged."""
        logged = (json.loads(line) for line in self.log.read_text().splitlines())
        return [event for event in logged if event["event"] == name]

    def awaited(self, name: str, count: int = 1) -> dict[str, object]:
        """The event, as soon as it has been logged `count` times."""
        for _ in range(int(READY_S / 0.05)):
            found = self.events(name)
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None or name == "serve.stopped", self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no {name} within {READY_S} s: {self.log.read_text()}")

    def post(self, text: bytes, user: str = "clinic") -> tuple[int, bytes]:
        """Status and body of a POST."""
        port = int(str(self.awaited("serve.ready")["https"]).rpartition(":")[2].partition("/")[0])
        context = ssl.create_default_context(cafile=str(self.site.certificates.authority))
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
        credentials = b64encode(f"{user}:{PASSWORD}".encode()).decode()
        connection.request("POST", "/exchange", text, {"Authorization": f"Basic {credentials}"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`gateway serve` on free ports."""
    site = make_site(tmp_path)
    log = tmp_path / "gateway.log"
    command = [sys.executable, "-m", "gateway.cli.main", "serve", "--config", str(site.settings), "--json-logs"]
    script = "import sys; from gateway.cli.main import app; sys.argv[0] = 'gateway'; app()"
    with log.open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-c", script, *command[3:]], stderr=errors, stdout=errors)
    running = Server(process, log, site)
    running.awaited("serve.ready")
    yield running
    if process.poll() is None:
        process.kill()
    process.wait(30)


def run(site: Site, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command with this site's settings."""
    result = CliRunner().invoke(app, [*arguments, "--config", str(site.settings)], env={"COLUMNS": "240"})
    return result.exit_code, result.stdout, result.stderr


def test_a_server_stops_cleanly_and_keeps_what_it_took(server: Server, number: int) -> None:
    """SIGTERM ends with 0; messages and show read what was there."""
    status, _ = server.post(claims(number))
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(30)

    listed = run(server.site, "messages")
    instance = listed[1].splitlines()[1].split()[0]
    shown = run(server.site, "show", instance)

    assert (status, code) == (200, 0)
    assert server.events("serve.stopped")
    assert "clinic" in listed[1]
    assert "done" in listed[1]
    assert (shown[0], instance in shown[1], "999" in shown[1]) == (0, True, True)
    for text in (server.log.read_text(), listed[1], shown[1]):
        assert "SAMPLE" not in text
        assert "Traceback" not in text
    assert not (server.site.folder / "data" / "admin.sock").exists()


def test_a_body_on_its_way_still_comes_in_and_is_answered(server: Server, number: int) -> None:
    """SIGTERM in the middle of a file loses nobody's file; who comes now is sent away."""
    port = int(str(server.awaited("serve.ready")["https"]).rpartition(":")[2].partition("/")[0])
    context = ssl.create_default_context(cafile=str(server.site.certificates.authority))
    text = claims(number)
    credentials = b64encode(f"clinic:{PASSWORD}".encode())
    head = b"POST /exchange HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n"
    with context.wrap_socket(socket.create_connection(("localhost", port), 30), server_hostname="localhost") as sender:
        sender.sendall(head % (credentials, len(text)) + text[:500])
        server.post(claims(number + 1))
        server.process.send_signal(signal.SIGTERM)
        server.awaited("serve.stopping")
        late, _ = server.post(claims(number + 2))
        sender.sendall(text[500:])
        answer = sender.recv(65536)

    assert late == 503
    assert b" 200 OK" in answer
    assert server.process.wait(30) == 0


def test_partners_are_added_and_disabled_while_it_runs(server: Server, number: int, tmp_path: Path) -> None:
    """Edit files, then reload: by command and by SIGHUP."""
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    site = server.site
    added = run(
        site, "partners", "add", "newcomer", "--name", 'New "Comer"', "--id", "NEWCOMER", "--user", "newcomer",
        "--guide", "837 005010X222A1", "--mode", "real_time", "--password-file", str(password),
    )  # fmt: skip
    before, _ = server.post(claims(number, sender="NEWCOMER"), "newcomer")
    reloaded = run(site, "partners", "reload")
    after, answer = server.post(claims(number, sender="NEWCOMER"), "newcomer")
    disabled = run(site, "partners", "disable", "newcomer")
    server.process.send_signal(signal.SIGHUP)
    server.awaited("partners.reloaded", 2)
    gone, _ = server.post(claims(number + 1, sender="NEWCOMER"), "newcomer")

    assert added[0] == 0, added
    assert (before, after, gone) == (401, 200, 401)
    assert b"IK5*A" in answer
    # The broken file beside them is reported each time, and stops nobody.
    assert reloaded[0] == 1
    assert "newcomer" in reloaded[1]
    assert "broken.toml:1" in reloaded[2]
    assert disabled[0] == 0
    assert (site.folder / "partners" / "newcomer.toml").stat().st_mode & 0o077 == 0


def test_only_what_failed_is_resubmitted(server: Server, number: int) -> None:
    """The server refuses, and says why."""
    server.post(claims(number))
    instance = run(server.site, "messages")[1].splitlines()[1].split()[0]

    code, _, errors = run(server.site, "resubmit", instance)

    assert code == 1
    assert "neither failed nor held" in errors


def test_a_second_server_on_the_same_store_is_refused(server: Server) -> None:
    """Two writers would be the end of both."""
    code, _, errors = run(server.site, "serve", "--json-logs")

    assert code == 1
    assert "cannot start" in errors


def test_partners_are_listed_with_the_faults_of_others(tmp_path: Path) -> None:
    """A table and a line with a place."""
    site = make_site(tmp_path)

    code, listed, errors = run(site, "partners", "list")

    assert code == 1
    assert "BROOKCLINIC" in listed
    assert "837 005010X222A1" in listed
    assert "broken.toml:1" in errors


def test_an_edit_that_would_break_something_is_not_made(tmp_path: Path) -> None:
    """An identity that another has."""
    site = make_site(tmp_path)
    password = tmp_path / "password"
    password.write_text(PASSWORD)

    code, _, errors = run(
        site, "partners", "add", "thief", "--name", "Thief", "--id", "BROOKCLINIC", "--user", "thief",
        "--guide", "837 005010X222A1", "--password-file", str(password),
    )  # fmt: skip

    assert code == 1
    assert "Nothing was changed" in errors
    assert not (site.folder / "partners" / "thief.toml").exists()


def test_disabling_keeps_comments(tmp_path: Path) -> None:
    """A file is edited, not rewritten."""
    site = make_site(tmp_path)
    site.write_partner("clinic", "# ours since 2020\n" + partner_text("BROOKCLINIC", "clinic"))

    run(site, "partners", "disable", "clinic")

    text = (site.folder / "partners" / "clinic.toml").read_text()
    assert "# ours since 2020" in text
    assert text.count("enabled = false") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("partners", "reload"), 1, "start one with `gateway serve`"),
        (("partners", "disable", "nobody"), 1, "There is no"),
        (("partners", "disable", "../evil"), 1, "small letters"),
        (("resubmit", "00000000-0000-0000-0000-000000000001"), 1, "start one with `gateway serve`"),
        (("messages",), 1, "There is no ledger yet"),
        (("show", "00000000-0000-0000-0000-000000000001"), 1, "There is no message"),
    ],
)
def test_without_a_server_each_command_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """One line, no traceback."""
    ended, _, errors = run(make_site(tmp_path), *arguments)

    assert ended == code
    assert words in errors
    assert "Traceback" not in errors


def test_missing_settings_are_named(tmp_path: Path) -> None:
    """And where to go on."""
    result = CliRunner().invoke(app, ["serve", "--config", str(tmp_path / "none.toml")])

    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
    assert "gateway demo" in result.stderr


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    """With the command that makes one."""
    site = make_site(tmp_path)
    Path(site.certificates.server.certificate).unlink()

    code, _, errors = run(site, "serve", "--json-logs")

    assert code == 1
    assert "make_dev_certs.py" in errors


def test_the_demo_shows_everything_and_ends_well() -> None:
    """Exit 0 only when all of it happened."""
    result = CliRunner().invoke(app, ["demo", "--once"], env={"COLUMNS": "120"})

    assert result.exit_code == 0, result.stdout
    for words in ("TA1: interchange 000000101", "IK5*R", "AK5*A", "<claim ", "<member ", "Everything happened as"):
        assert words in result.stdout
