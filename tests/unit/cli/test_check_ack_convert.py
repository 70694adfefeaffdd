"""The commands that need no server, from the command line: exit codes, both forms of output, bad input."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *250301*1200*^*00501*000000101*{ask}*T*:~"
NO_GUIDE = (
    ISA.format(ask=1)
    + "GS*HC*APPSENDER*APPRECEIVER*20250301*1200*77*X*005010X999~"
    + "ST*837*0001*005010X999~BHT*0019*00*1*20250301*1200*CH~SE*3*0001~GE*1*77~IEA*1*000000101~"
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gateway() -> Callable[..., Ended]:
    """Run the command in a process of its own, as a user does."""

    def run(*arguments: str, given: bytes = b"") -> Ended:
        command = [sys.executable, "-c", "from gateway.cli.main import app; app()", *arguments]
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        done = subprocess.run(command, input=given, capture_output=True, check=False, env=environment)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


Gateway = Callable[..., Ended]


def accepted(fixtures: Path) -> Path:
    """Any claim that is accepted."""
    return min(fixtures.glob("005010X222A1/accept/*.edi"))


def rejected(fixtures: Path) -> Path:
    """Any claim that is not."""
    return min(fixtures.glob("005010X222A1/reject/*.edi"))


def test_accepted_and_rejected(gateway: Gateway, fixtures: Path) -> None:
    """0 for accepted, 1 as soon as one of several is not."""
    good, bad = str(accepted(fixtures)), str(rejected(fixtures))

    alone = gateway("check", good)
    both = gateway("check", good, bad)

    assert (alone.code, both.code) == (0, 1)
    assert f"{good}: 837P, accepted" in alone.out
    assert f"{bad}: 837P, rejected" in both.out
    assert alone.err == both.err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\x00\xff\x80" * 50, "This is not X12"),
        (b"<!DOCTYPE html><html></html>", "This is an HTML page"),
        (b"%PDF-1.7 ...", "This is a PDF"),
        (b"PK\x03\x04....", "This is a ZIP archive"),
        (b"MSH|^~\\&|", "This is HL7 v2"),
        (b"   \r\n", "nothing but blanks"),
        (ISA[:60].encode(), "cut off: 60 of its 106"),
        (b"GS*HC*A*B~", "begins with a functional group"),
        ("ISA".encode("utf-16"), "UTF-16"),
    ],
)
def test_unreadable(content: bytes, reason: str, gateway: Gateway, tmp_path: Path) -> None:
    """2, and what it is instead; no command makes anything of it."""
    file = tmp_path / "input"
    file.write_bytes(content)

    checked = gateway("check", str(file))
    answered = gateway("ack", str(file))

    assert (checked.code, answered.code) == (2, 2)
    assert reason in checked.out
    assert reason in answered.err
    assert answered.out == ""
    assert "Traceback" not in checked.err + answered.err


def test_no_such_file_and_directory(gateway: Gateway, tmp_path: Path) -> None:
    """Each named, the rest is judged all the same."""
    missing = tmp_path / "missing.edi"

    ended = gateway("check", str(missing), str(tmp_path))

    assert ended.code == 2
    assert f"{missing}: unreadable: There is no such file." in ended.out
    assert f"{tmp_path}: unreadable: This is a directory" in ended.out


def test_standard_input(gateway: Gateway, fixtures: Path) -> None:
    """`-` is judged like a file, values included."""
    ended = gateway("check", "-", given=rejected(fixtures).read_bytes())

    assert ended.code == 1
    assert ended.out.startswith("-: 837P, rejected")


def test_pipe(gateway: Gateway, fixtures: Path, tmp_path: Path) -> None:
    """A named pipe is read once, and its values are shown all the same."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = accepted(fixtures).read_bytes().replace(b"BHT*0019*", b"BHT*Q7-9*")
    sender = threading.Thread(target=pipe.write_bytes, args=(content,))
    sender.start()

    ended = gateway("check", "--show-values", str(pipe))

    sender.join()
    assert ended.code == 1
    assert "value: Q7-9" in ended.out


def test_values_are_masked(gateway: Gateway, fixtures: Path, tmp_path: Path) -> None:
    """Letters and digits are hidden unless the user asks for them."""
    file = tmp_path / "claim.edi"
    file.write_bytes(accepted(fixtures).read_bytes().replace(b"BHT*0019*", b"BHT*Q7-9*"))

    hidden = json.loads(gateway("check", "--format", "json", str(file)).out)
    shown = json.loads(gateway("check", "--format", "json", "--show-values", str(file)).out)

    assert "X9-9" in [finding["value"] for finding in hidden["findings"]]
    assert "Q7-9" in [finding["value"] for finding in shown["findings"]]


def test_json_of_unreadable(gateway: Gateway, tmp_path: Path) -> None:
    """One object a line, also for what cannot be read."""
    ended = gateway("check", "--format", "json", str(tmp_path / "missing"), given=b"")

    line = json.loads(ended.out)
    assert (line["kind"], line["verdict"], len(line["findings"])) == ("unknown", "unreadable", 1)


def test_set_without_guide(gateway: Gateway) -> None:
    """A set that no guide is installed for is rejected and answered, TA1 first since ISA14 asks."""
    checked = gateway("check", "-", given=NO_GUIDE.encode())
    answered = gateway("ack", "--pretty", "-", given=NO_GUIDE.encode())

    assert checked.code == 1
    assert "IK502:I6" in checked.out
    assert answered.code == 0
    assert "TA1*000000101*250301*1200*A*000~\n" in answered.out
    assert "IK5*R*I6~\nAK9*R*1*1*0*2~\n" in answered.out


def test_guide_by_choice(gateway: Gateway) -> None:
    """`--guide` stands for what GS08 says; one that is not installed is refused with those that are."""
    chosen = gateway("check", "--guide", "005010X222A1", "-", given=NO_GUIDE.encode())
    unknown = gateway("check", "--guide", "nonsense", "-", given=NO_GUIDE.encode())

    assert chosen.code == 1
    assert "The required loop 1000A is missing" in chosen.out
    assert unknown.code == 2
    assert "005010X222A1" in unknown.err


@pytest.mark.parametrize(
    ("ack_type", "expected", "absent"),
    [("999", "ST*999*", "TA1*"), ("997", "ST*997*", "TA1*"), ("TA1", "TA1*", "ST*")],
)
def test_ack_type(ack_type: str, expected: str, absent: str, gateway: Gateway, fixtures: Path) -> None:
    """The one that is asked for, and no other."""
    ended = gateway("ack", "--type", ack_type, str(accepted(fixtures)))

    assert ended.code == 0
    assert expected in ended.out
    assert absent not in ended.out


def test_nothing_to_acknowledge(gateway: Gateway, fixtures: Path) -> None:
    """A 999 is not answered, and the user is told so."""
    ours = gateway("ack", "--type", "999", str(accepted(fixtures))).out

    ended = gateway("ack", "-", given=ours.encode())

    assert (ended.code, ended.out) == (0, "")
    assert "no acknowledgement is due" in ended.err


def test_there_and_back(gateway: Gateway, fixtures: Path, tmp_path: Path) -> None:
    """X12 to XML in a file, and from that back to the same verdict."""
    document = tmp_path / "claim.xml"

    there = gateway("convert", str(accepted(fixtures)), "--output", str(document))
    back = gateway("convert", str(document))

    assert (there.code, back.code) == (0, 0)
    assert document.read_bytes().startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<documents ')
    assert gateway("check", "-", given=back.out.encode()).code == 0


def test_output_that_cannot_be_written(gateway: Gateway, fixtures: Path, tmp_path: Path) -> None:
    """The message names the output, and nothing is left behind."""
    ended = gateway("convert", str(accepted(fixtures)), "--output", str(tmp_path / "no" / "claim.xml"))

    assert ended.code == 2
    assert "claim.xml: cannot be written" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"<html/>", b"<documents", b"<!DOCTYPE a><a/>", b""])
def test_xml_that_is_not_canonical(content: bytes, gateway: Gateway, tmp_path: Path) -> None:
    """Refused with a reason, and no half of an interchange is written."""
    ended = gateway("convert", "--to", "x12", "-", given=content)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("-: ")
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_start_imports_no_server() -> None:
    """`gateway check` has a third of a second: no web server, no database and no validation library is loaded."""
    heavy = ("aiohttp", "sqlalchemy", "pydantic", "lxml", "rich", "pyx12")
    code = (
        "import sys; from gateway.cli.main import app\n"
        "try: app(['check', '-'], standalone_mode=False)\n"
        "except BaseException: pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], input=NO_GUIDE.encode(), capture_output=True, check=True)

    assert done.stdout.decode().splitlines()[-1] == "[]"
