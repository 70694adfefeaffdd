"""Codes for a set that no guide is installed for."""

import pytest

from gateway.formats.x12.guides import GuideMissing, GuideName, SetHeader, missing_guide

KNOWN = frozenset({GuideName("HC", "005010X222A1", "837"), GuideName("BE", "005010X220A1", "834")})


@pytest.mark.parametrize(
    ("functional_group", "version", "transaction_set", "expected"),
    [
        ("ZZ", "005010X222A1", "837", GuideMissing("1", "1")),
        ("HC", "005010X999", "837", GuideMissing("I6", "2")),
        ("HC", "005010X999", "850", GuideMissing("1", "2")),
        ("HC", "005010X222A1", "834", GuideMissing("18", "")),
    ],
)
def test_missing_guide(functional_group: str, version: str, transaction_set: str, expected: GuideMissing) -> None:
    """Group unknown, version unknown, set unknown, set of another group."""
    group = ("GS", functional_group, "A", "B", "20250101", "1200", "1", "X", version)
    header = SetHeader(1, 1, 1, (), group, ("ST", transaction_set, "0001"))

    assert missing_guide(KNOWN, header) == expected


def test_header_names() -> None:
    """Elements that are not there read as empty."""
    header = SetHeader(1, 1, 1, (), ("GS", "HC"), ("ST", "837", "0001", "005010X222A1 "))

    assert header.guide == GuideName("HC", "", "837")
    assert header.implementation == "005010X222A1"
