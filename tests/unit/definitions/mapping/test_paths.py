"""The text form of paths."""

import pytest

from gateway.definitions.mapping.paths import (
    Codec,
    ComponentStep,
    Condition,
    ElementStep,
    OffsetStep,
    PathError,
    RangeStep,
    RepetitionStep,
    parse_path,
    place_text,
)


@pytest.mark.parametrize(
    ("text", "loops", "segment", "place"),
    [
        ("2000B/2300", ("2000B", "2300"), "", None),
        ("LS_LOOP", ("LS_LOOP",), "", None),
        ("REF", (), "REF", None),
        ("N301", (), "N3", ElementStep(1, 0)),
        ("SV107-2", (), "SV1", ElementStep(7, 2)),
        ("2420A/PRV03", ("2420A",), "PRV", ElementStep(3, 0)),
        ("SV1/01", (), "SV1", ElementStep(1, 0)),
        ("DMG/05*", (), "DMG", RepetitionStep(5)),
        ("HI/01..12", (), "HI", RangeStep(1, 12, 0)),
        ("02..19+3", (), "", RangeStep(2, 19, 3)),
        ("05-3", (), "", ElementStep(5, 3)),
        ("+1", (), "", OffsetStep(1, 1)),
        ("-2", (), "", ComponentStep(2)),
    ],
)
def test_a_path_names_loops_a_segment_and_a_place(
    text: str, loops: tuple[str, ...], segment: str, place: object
) -> None:
    """Loops, segments and positions are told apart by their form alone."""
    path = parse_path(text)

    assert (path.loops, path.segment, path.place) == (loops, segment, place)
    assert place is None or place_text(place) in text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("REF[F8]02", (Condition(1, 1, ("F8",)),)),
        ("HI[01-1=ABK|BK]/01..12", (Condition(1, 1, ("ABK", "BK")),)),
        ("PRV[BI,02=PXC]03", (Condition(1, 1, ("BI",)), Condition(2, 1, ("PXC",)))),
        ("[05=AC]06", (Condition(5, 1, ("AC",)),)),
        ("[-2=RET]-3", (Condition(0, 2, ("RET",)),)),
    ],
)
def test_conditions_name_their_element(text: str, conditions: tuple[Condition, ...]) -> None:
    """Without a position a condition is on element 01; a leading dash means the current composite."""
    assert parse_path(text).conditions == conditions


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("DTP03 period:02", Codec("period", "02")),
        ("BHT04 date", Codec("date", "")),
        ("01 code:reference", Codec("code", "reference")),
        ("01", Codec("", "")),
    ],
)
def test_a_codec_follows_the_path(text: str, codec: Codec) -> None:
    """A codec with an argument has it behind a colon."""
    assert parse_path(text).codec == codec


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "REF//02",
        "ref02",
        "REF2",
        "REF[]02",
        "REF[01=]02",
        "REF/02/03",
        "2300/02",
        "REF02 date time",
        "REF02 dates",
        "REF02 period",
        "REF02 code:",
        "00",
        "12..01",
        "-0",
        "REF/[F8]02",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """The error quotes the path, which holds names and no payload."""
    with pytest.raises(PathError):
        parse_path(text)
