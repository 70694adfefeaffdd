"""Writing DER."""

from datetime import UTC, datetime

import pytest

from gateway.envelopes.as2.cms import CmsError, der
from gateway.envelopes.as2.cms.identifiers import RSASSA_PSS, SIGNED_DATA, dotted
from tests.unit.envelopes.as2.cms.ber_encoder import recode


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "0400"),
        (127, "047f"),
        (128, "048180"),
        (255, "0481ff"),
        (256, "04820100"),
        (65536, "0483010000"),
        (1 << 32, "04850100000000"),
    ],
)
def test_lengths_take_as_few_octets_as_they_can(length: int, header: str) -> None:
    """X.690 10.1."""
    assert der.header(0x04, length).hex() == header


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "020100"), (127, "02017f"), (128, "02020080"), (256, "02020100"), (32768, "0203008000")]
)
def test_integers_keep_a_bit_for_the_sign(value: int, encoded: str) -> None:
    """X.690 8.3."""
    assert der.integer(value).hex() == encoded


def test_identifiers_are_written_and_read_by_a_person() -> None:
    """Both ways."""
    octets = der.identifier_octets("1.2.840.113549.1.7.2")

    assert octets == SIGNED_DATA
    assert octets.hex() == "2a864886f70d010702"
    assert dotted(octets) == "1.2.840.113549.1.7.2"
    assert dotted(der.identifier_octets("2.16.840.1.101.3.4.1.42")) == "2.16.840.1.101.3.4.1.42"


@pytest.mark.parametrize("octets", [b"", b"\x2a\x86", bytes(21)])
def test_what_is_no_identifier_is_not_shown(octets: bytes) -> None:
    """Not whole, or longer than those of algorithms are."""
    assert dotted(octets) == "?"


@pytest.mark.parametrize(
    ("at", "encoded"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, 999, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
    ],
)
def test_times_have_two_digits_of_the_year_until_2049(at: datetime, encoded: bytes) -> None:
    """RFC 5652 11.3."""
    assert der.time(at) == encoded


def test_ber_becomes_der_again() -> None:
    """Lengths, strings of pieces, and the order in a SET."""
    members = [der.element(0x30, der.identifier(RSASSA_PSS), der.octet_string(b"abcdef")), der.integer(1), der.NULL]
    in_der = der.set_of(*members)
    unordered = der.element(0x31, *sorted(members, reverse=True))

    assert der.canonical(recode(unordered, piece_bytes=2)) == in_der
    assert der.canonical(in_der) == in_der


def test_what_is_nested_too_deep_becomes_no_der() -> None:
    """The bound is the reader's."""
    with pytest.raises(CmsError, match="deep"):
        der.canonical(b"\x30\x80" * 10_000)
