"""Multipart bodies, split byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.multipart import MultipartSplitter, between, closing, opening


def split(body: bytes, size: int | None = None, boundary: str = "b", maximum_parts: int = 1000) -> list[bytes]:
    """The parts of a body that comes in pieces of `size` bytes."""
    size = size or len(body) or 1
    splitter = MultipartSplitter(boundary, maximum_parts)
    parts: list[list[bytes]] = []
    ended: list[int] = []
    pieces = [piece for begin in range(0, len(body), size) for piece in splitter.feed(body[begin : begin + size])]
    for number, data, is_last in [*pieces, *splitter.finish()]:
        if number == len(parts):
            parts.append([])
        assert number == len(parts) - 1
        parts[number].append(data)
        ended += [number] * is_last
    assert ended == list(range(len(parts)))
    return [b"".join(part) for part in parts]


CASES = {
    "usual": (b"--b\r\none\r\n--b\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
    "line ends of a part stay": (
        b"--b\r\none\r\n\r\n--b\r\n\r\ntwo\r\n\r\n\r\n--b--",
        [b"one\r\n", b"\r\ntwo\r\n\r\n"],
    ),
    "bare CR stays": (b"--b\r\nMSH\rPID\r\r\n--b--\r\n", [b"MSH\rPID\r"]),
    "bare LF": (b"--b\none\n--b\ntwo\n\n--b--\n", [b"one", b"two\n"]),
    "preamble and epilogue": (b"pre\r\n--bx\r\n--b\r\none\r\n--b--\r\nepi\r\n--b\r\nno\r\n--b--\r\n", [b"one"]),
    "padding": (b"--b \t\r\none\r\n--b  \r\ntwo\r\n--b-- \t \r\n", [b"one", b"two"]),
    "empty parts": (b"--b\r\n\r\n--b\r\n--b\r\nx\r\n--b--", [b"", b"", b"x"]),
    "like a delimiter": (
        b"--b\r\n--bc\r\n--b-\r\n --b\r\nx--b\r\n--c\r\n--b--",
        [b"--bc\r\n--b-\r\n --b\r\nx--b\r\n--c"],
    ),
    "closing inside a line": (b"--b\r\none\r\n--b--x\r\n--b--", [b"one\r\n--b--x"]),
    "CR at the end": (b"--b\r\none\r\n--b--\r", [b"one"]),
    "no parts": (b"--b--\r\n", []),
}


@pytest.mark.parametrize("size", [None, 1, 2, 3, 5])
@pytest.mark.parametrize(("body", "parts"), CASES.values(), ids=CASES)
def test_splits(body: bytes, parts: list[bytes], size: int | None) -> None:
    """Each case whole and in small pieces."""
    assert split(body, size) == parts


@pytest.mark.parametrize(("body", "parts"), CASES.values(), ids=CASES)
def test_passes_over_trailing_data(body: bytes, parts: list[bytes]) -> None:
    """Whatever follows the closing delimiter is no part."""
    assert split(body.rstrip(b"\r\n") + b"\r\n" + bytes(range(256)) * 3, 7) == parts


def test_long_boundary_across_pieces() -> None:
    """A boundary of 70 characters, wherever it is cut."""
    boundary = "=_" + "x" * 68
    body = opening(boundary) + b"one" + between(boundary) + b"two" + closing(boundary)

    for size in range(1, len(body)):
        assert split(body, size, boundary) == [b"one", b"two"]


def test_streams() -> None:
    """A part of any size is given on at once, but for what may begin a delimiter."""
    splitter = MultipartSplitter("b")
    splitter.feed(b"--b\r\n")

    given_on = sum(len(piece.data) for _ in range(100) for piece in splitter.feed(b"x" * 1000))

    assert 100_000 - given_on < 10


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    "body", [b"", b"one", b"--b", b"--b\r\n", b"--b\r\none", b"--b\r\none\r\n--b", b"--b\r\none\r\n--b-", b"--b--x"]
)
def test_refuses_a_body_cut_off(body: bytes, size: int | None) -> None:
    """Without a closing delimiter something may be missing."""
    with pytest.raises(MimeError):
        split(body, size)


def test_refuses_too_many_parts() -> None:
    """The number of parts is bounded."""
    with pytest.raises(MimeError):
        split(b"--b\r\nx\r\n" * 4 + b"--b--", maximum_parts=3)


@pytest.mark.parametrize("boundary", ["", "x" * 71])
def test_refuses_an_impossible_boundary(boundary: str) -> None:
    """An empty boundary would make a delimiter of every `--`."""
    with pytest.raises(MimeError):
        MultipartSplitter(boundary)


@given(st.lists(st.binary(max_size=60).filter(lambda part: b"--b" not in part), max_size=5), st.integers(1, 90))
def test_splits_what_it_writes(parts: list[bytes], size: int) -> None:
    """Parts of any bytes come back, whatever the pieces."""
    body = opening("b") + between("b").join(parts) + closing("b") if parts else b"--b--\r\n"

    assert split(body, size) == parts


ALPHABET = st.sampled_from([b"\r\n", b"\n", b"\r", b"--b", b"--", b"-", b"b", b" ", b"x"])


@given(st.lists(ALPHABET, max_size=40).map(b"".join), st.integers(1, 20))
def test_pieces_make_no_difference(body: bytes, size: int) -> None:
    """Any body in any chunking gives the same parts, or a MimeError in both."""
    outcomes: list[list[bytes] | str] = []
    for each in (size, None):
        try:
            outcomes.append(split(b"--b\r\n" + body, each))
        except MimeError as error:
            outcomes.append(str(error))

    assert outcomes[0] == outcomes[1]
