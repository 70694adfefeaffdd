import pytest

from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.guides.model import Guide
from gateway.definitions.rules.paths import resolve


@pytest.fixture(scope="module")
def claims() -> Guide:
    """837P."""
    return load_guide("005010X222A1")


def _ids(guide: Guide, loops: tuple[int, ...]) -> list[str]:
    return [guide.loops[loop].id for loop in loops]


@pytest.mark.parametrize(
    ("anchor", "path", "way", "slots"),
    [
        ("2000B/2300", "CLM02", ["2300"], ((2,), 1)),
        ("2000B/2300", "CLM05-3", ["2300"], ((5,), 3)),
        ("2000B/2300", "2400/SV102", ["2300", "2400"], ((2,), 1)),
        ("2000B/2300", "2400/2430/CAS/03..18+3", ["2300", "2400", "2430"], ((3, 6, 9, 12, 15, 18), 1)),
        ("2000B/2300", "HI[ABK|BK]/01..03-2", ["2300"], ((1, 2, 3), 2)),
        ("2000B/2300", "2400/SV107-*", ["2300", "2400"], ((7,), 0)),
        # Around the anchor: an enclosing loop, and a child of one.
        ("2000B/2300/2400", "2300/CLM02", ["2300"], ((2,), 1)),
        ("2000B/2300", "2000B/SBR02", ["2000B"], ((2,), 1)),
        ("2000B/2300", "2010BA/DMG02", ["2000B", "2010BA"], ((2,), 1)),
        ("2000B/2300/2320", "2400/2430/SVD", ["2300", "2400", "2430"], ((), 1)),
        # From the set: the core steps through wrappers.
        ("2000B/2300", "/BHT06", ["ST_LOOP", "HEADER"], ((6,), 1)),
        ("2000B/2300", "/1000A/NM109", ["ST_LOOP", "HEADER", "1000A"], ((9,), 1)),
    ],
)
def test_path_resolves_from_its_anchor(
    claims: Guide, anchor: str, path: str, way: list[str], slots: tuple[tuple[int, ...], int]
) -> None:
    """Down from the anchor, else from the nearest loop around it."""
    found = resolve(claims, claims.loops_at(anchor)[0], path)

    assert _ids(claims, (found.base, *found.loops)) == way
    assert (found.elements, found.component) == slots


def test_condition_that_the_guide_dictates_is_left_out(claims: Guide) -> None:
    """REF*F8 is a use of its own, so the node says it all; DTP*738 and 739 share one."""
    claim, line = claims.loops_at("2000B/2300")[0], claims.loops_at("2000B/2300/2400")[0]

    dictated = resolve(claims, claim, "REF[F8]02")
    chosen = resolve(claims, line, "DTP[738]03")

    assert (len(dictated.segments), dictated.conditions) == (1, ())
    assert [(condition.element, condition.any_of) for condition in chosen.conditions] == [(1, ("738",))]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("CLM99", "no such element"),
        ("CLM05-9", "no such element"),
        ("REF[ZZ]", "no such segment"),
        ("2420Z/NM1", "neither in"),
        ("2400/2320/SBR", "no loop 2320"),
        ("clm02", "no path"),
        ("CLM/05..01", "no path"),
        ("REF[01==F8]", "no condition"),
    ],
)
def test_path_into_nowhere_is_refused(claims: Guide, path: str, message: str) -> None:
    """A rule that could never speak is a mistake."""
    with pytest.raises(ValueError, match=message):
        resolve(claims, claims.loops_at("2000B/2300")[0], path)
