"""Header blocks as partners really send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import MAXIMUM_FIELDS, MAXIMUM_HEAD_BYTES, Headers, HeadReader


def read_head(pieces: list[bytes]) -> tuple[Headers, bytes, bytes]:
    """Headers, head and body of an entity that comes in `pieces`."""
    reader = HeadReader()
    body: bytes | None = None
    for piece in pieces:
        if body is None:
            body = reader.feed(piece)
        else:
            body += piece
    if body is None:
        body = reader.finish()
    return reader.headers, reader.block, body


def one_by_one(data: bytes) -> list[bytes]:
    """Each byte as a piece."""
    return [data[number : number + 1] for number in range(len(data))]


@pytest.mark.parametrize(
    "block",
    [
        b"Content-Type: multipart/signed;\r\n boundary=x\r\nA: b\r\n\r\n",
        b"Content-Type: multipart/signed;\r\n\tboundary=x\r\nA: b\r\n\r\n",
        b"Content-Type: multipart/signed;\n  \t boundary=x\nA: b\n\n",
        b"Content-Type:multipart/signed; boundary=x\r\nA:b",
        b"content-type : multipart/signed;\r\n boundary=x \r\nA: b \r\n",
    ],
    ids=["blank", "tab", "bare LF", "no end", "blanks"],
)
def test_reads_folded_fields(block: bytes) -> None:
    """Folding by blanks or tabs, bare line feeds and a missing end give the same fields."""
    headers = Headers.parse(block)

    assert headers.get("Content-Type") == "multipart/signed; boundary=x"
    assert headers.get("a") == "b"


def test_keeps_order_duplicates_and_latin_1() -> None:
    """Fields of one name stay apart and in order; bytes above 127 are latin-1."""
    headers = Headers.parse(b"Received: 1\r\nX-Name: M\xfcller\r\nreceived: 2\r\n\r\n")

    assert headers.get("RECEIVED") == "1"
    assert headers.all("received") == ("1", "2")
    assert headers.get("x-name") == "M\u00fcller"
    assert headers.get("absent") is None


def test_writes_what_it_reads() -> None:
    """A written block is read as the same fields."""
    headers = Headers((("Content-Type", "text/plain"), ("X-Name", "M\u00fcller")))

    assert headers.encode() == b"Content-Type: text/plain\r\nX-Name: M\xfcller\r\n\r\n"
    assert Headers.parse(headers.encode()) == headers


@pytest.mark.parametrize(
    "field", [("A", "b\r\nX: y"), ("A", "b\n"), ("A\r\nB", "c"), ("A:B", "c"), ("A B", "c"), ("", "c")]
)
def test_writes_no_second_field(field: tuple[str, str]) -> None:
    """Neither name nor value can smuggle a line."""
    with pytest.raises(ValueError, match="cannot be written"):
        Headers((field,)).encode()


@pytest.mark.parametrize(
    "block",
    [
        b"no field\r\n\r\n",
        b": value\r\n\r\n",
        b" folded: first\r\n\r\n",
        b"A: b\rC: d\r\n\r\n",
        b"A: b\0\r\n\r\n",
        b"A: b\r\n" * (MAXIMUM_FIELDS + 1),
        b"A: " + b"b" * MAXIMUM_HEAD_BYTES,
    ],
    ids=["no colon", "no name", "folded first", "bare CR", "NUL", "too many", "too long"],
)
def test_refuses_what_is_no_header(block: bytes) -> None:
    """A line that is no field, and a block over a limit."""
    with pytest.raises(MimeError):
        Headers.parse(block)


@pytest.mark.parametrize(
    ("entity", "block", "body"),
    [
        (b"Content-Type: a/b\r\n\r\n\r\nbody", b"Content-Type: a/b\r\n\r\n", b"\r\nbody"),
        (b"Content-Type: a/b\n\nbody\r\n\r\n", b"Content-Type: a/b\n\n", b"body\r\n\r\n"),
        (b"MIME-Version: 1.0\r\nContent-Type: a/b\r\n\r\nx", b"MIME-Version: 1.0\r\nContent-Type: a/b\r\n\r\n", b"x"),
        (b"\r\nbody", b"\r\n", b"body"),
        (b"\nbody", b"\n", b"body"),
        (b"ISA*00*          *~GS*HC:X~\r\n\r\n", b"", b"ISA*00*          *~GS*HC:X~\r\n\r\n"),
        (b"MSH|^~\\&|A|B:C\rPID|\r" * 9, b"", b"MSH|^~\\&|A|B:C\rPID|\r" * 9),
        (b"Date: today\r\nContent-Type: a/b\r\n\r\nx", b"Date: today\r\nContent-Type: a/b\r\n\r\n", b"x"),
        (b"UNA:+.? 'UNB+UNOC:3'\r\n\r\n", b"", b"UNA:+.? 'UNB+UNOC:3'\r\n\r\n"),
        (b"Content-Type: a/b", b"Content-Type: a/b", b""),
        (b"Content-Type: a/b\r\n", b"Content-Type: a/b\r\n", b""),
        (b"Content-Disposit", b"", b"Content-Disposit"),
        (b"X-" + b"x" * 90 + b": y\r\n\r\n", b"", b"X-" + b"x" * 90 + b": y\r\n\r\n"),
        (b"", b"", b""),
    ],
    ids=[
        "CRLF", "bare LF", "MIME-Version", "empty head", "empty head LF", "X12", "HL7", "mail", "EDIFACT",
        "no end", "no empty line", "no colon", "endless name", "nothing",
    ],
)  # fmt: skip
def test_takes_the_head_off(entity: bytes, block: bytes, body: bytes) -> None:
    """The head ends at the first empty line; a bare payload has none. Whole and byte by byte."""
    whole, in_bytes = read_head([entity]), read_head(one_by_one(entity))

    assert whole == in_bytes
    assert whole[1:] == (block, body)


def test_refuses_an_endless_head() -> None:
    """The search for the empty line has an end, whatever the size of the pieces."""
    endless = b"Content-Type: " + b"x" * MAXIMUM_HEAD_BYTES

    with pytest.raises(MimeError):
        read_head([endless])
    with pytest.raises(MimeError):
        read_head([endless[begin : begin + 1000] for begin in range(0, len(endless), 1000)])


@given(st.binary(max_size=300), st.lists(st.integers(1, 40)))
def test_pieces_make_no_difference(tail: bytes, sizes: list[int]) -> None:
    """Any chunking gives the same head, body or fault."""
    entity = b"Content-Type: a/b\r\n" + tail
    pieces, rest = [], entity
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces.append(rest)

    outcomes = []
    for way in ([entity], pieces):
        try:
            outcomes.append(read_head(way))
        except MimeError as error:
            outcomes.append(str(error))

    assert outcomes[0] == outcomes[1]
