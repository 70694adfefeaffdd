"""Transfer encodings, whole and in pieces."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.transfer import base64_decoded, base64_lines, transfer_decoder


def decode(encoding: str | None, data: bytes, size: int) -> bytes:
    """`data` decoded in pieces of `size` bytes."""
    decoder = transfer_decoder(encoding)
    decoded = [decoder.feed(data[begin : begin + size]) for begin in range(0, len(data), size)]
    return b"".join((*decoded, decoder.finish()))


@pytest.mark.parametrize("encoding", [None, "", "binary", "7bit", " 8BIT "])
def test_leaves_identity_alone(encoding: str | None) -> None:
    """Binary, 7bit, 8bit or none: a bare CR of HL7 survives."""
    assert decode(encoding, b"MSH|^~\\&|\rPID|\r\n\x00\xff", 3) == b"MSH|^~\\&|\rPID|\r\n\x00\xff"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    "text",
    [b"SVNBKjAwfkdTfg==", b"SVNB\r\nKjAw\nfkdT\r\nfg==\r\n\r\n", b" SVNBKjAwfkdTfg\t", b"SVNB!KjAw\xfffkdTfg=="],
    ids=["whole", "lines", "no padding", "junk"],
)
def test_decodes_base64(text: bytes, size: int) -> None:
    """Line ends, missing padding and a little junk make no difference."""
    assert decode("Base64", text, size) == b"ISA*00~GS~"


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [b"SVNBK", b"SVNB=KjA", b"SVNB==KjAw", b"SQ==SQ==", b"\xff" * 100, b"ISA*00*|~" * 40],
    ids=["cut off", "padding inside", "padding within", "two ends", "bytes", "no base64"],
)
def test_refuses_what_is_no_base64(text: bytes, size: int) -> None:
    """Cut off, padded in the middle, or not base64 at all."""
    with pytest.raises(MimeError):
        decode("base64", text, size)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_decodes_quoted_printable(size: int) -> None:
    """Escapes, soft line ends, blanks before line ends, and an = that begins nothing."""
    text = b"MSH|^~=5C&|=0D=\r\nPID|a=b=3D \t\r\nOBX=  \nend=4"

    assert decode("quoted-printable", text, size) == b"MSH|^~\\&|\rPID|a=b=\r\nOBXend=4"


def test_refuses_an_endless_quoted_line() -> None:
    """A line of quoted-printable is bounded."""
    with pytest.raises(MimeError):
        decode("quoted-printable", b"x" * (3 << 20), 1 << 16)


def test_refuses_an_unknown_encoding() -> None:
    """Guessing would hand on encoded bytes as payload."""
    with pytest.raises(MimeError):
        transfer_decoder("x-uuencode")


def test_writes_lines_of_base64() -> None:
    """76 characters, CRLF after each."""
    lines = base64_lines(bytes(100))

    assert [len(line) for line in lines.split(b"\r\n")] == [76, 60, 0]


@given(st.binary(max_size=500), st.integers(1, 100))
def test_decodes_what_others_encode(data: bytes, size: int) -> None:
    """Both encodings give back any bytes."""
    quoted = b"=\r\n".join(b"=%02X" % byte for byte in data)

    assert decode("base64", base64.encodebytes(data), size) == data
    assert decode("quoted-printable", quoted, size) == data


@given(st.binary(max_size=200), st.integers(1, 50), st.sampled_from(["base64", "quoted-printable"]))
def test_pieces_make_no_difference(data: bytes, size: int, encoding: str) -> None:
    """Any bytes in any chunking give the same, or a MimeError in both."""
    outcomes = []
    for each in (size, 1000):
        try:
            outcomes.append(decode(encoding, data, each))
        except MimeError:
            outcomes.append(b"refused")

    assert outcomes[0] == outcomes[1]


@given(st.lists(st.sampled_from([b"SVNB", b"KjAw", b"\r\n", b"\n", b" ", b"!", b"=", b"Q"]), max_size=12).map(b"".join))
def test_a_whole_text_is_decoded_like_pieces(text: bytes) -> None:
    """The short way and the tolerant one agree."""
    outcomes = []
    for way in (base64_decoded, lambda data: decode("base64", data, 5)):
        try:
            outcomes.append(way(text))
        except MimeError:
            outcomes.append(b"refused")

    assert outcomes[0] == outcomes[1]
