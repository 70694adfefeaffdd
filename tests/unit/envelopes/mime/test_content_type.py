"""Content types and their parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.mime.content_type import Parametrised, in_quotes


@pytest.mark.parametrize(
    "text",
    [
        'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256;  boundary="a b;c"',
        'Multipart/Signed ;PROTOCOL=application/pkcs7-signature;MicAlg = "sha-256";\tboundary = "a b;c" ; charset',
        'multipart/signed; micalg=sha-256; boundary="a b;c"; micalg=md5; protocol=application/pkcs7-signature',
        'multipart/signed; protocol*="x"; protocol=application/pkcs7-signature; micalg=sha-256; boundary="a b;c',
    ],
    ids=["usual", "blanks and case", "twice", "extended and unclosed"],
)
def test_reads_parameters(text: str) -> None:
    """Quotes, blanks, case, repeated, extended and unclosed parameters."""
    parsed = Parametrised.parse(text)

    assert parsed.value == "multipart/signed"
    assert parsed.get("protocol") == "application/pkcs7-signature"
    assert parsed.get("micalg") == "sha-256"
    assert parsed.get("boundary") == "a b;c"
    assert parsed.get("charset") is None


def test_reads_escapes() -> None:
    """A backslash takes the next character as it is."""
    assert Parametrised.parse(r'attachment; filename="a\"b\\c"; x=1').parameters == (("filename", 'a"b\\c'), ("x", "1"))


def test_keeps_extended_parameters_apart() -> None:
    """RFC 2231 forms are never taken for the plain parameter."""
    parsed = Parametrised.parse("attachment; filename*0=a; filename*1=b; filename*=UTF-8''c")

    assert parsed.get("filename") is None
    assert parsed.get("filename*") == "UTF-8''c"


@pytest.mark.parametrize("text", ["", ";", ";;=", "=", '"', ';a="', ";a=\\", ';a="\\', "a;b"])
def test_reads_anything(text: str) -> None:
    """There is no text that is not read."""
    assert isinstance(Parametrised.parse(text), Parametrised)


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n")))
def test_reads_what_it_quotes(text: str) -> None:
    """A quoted parameter is read as what it was."""
    assert Parametrised.parse(f"a/b; name={in_quotes(text)}; other=1").get("name") == text
