"""Any bytes get a judgement and, where somebody can be answered, a clean answer; memory stays bounded."""

import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guides import InstalledGuides
from gateway.formats.x12.acknowledge_functional import MAX_SEGMENT_NOTES
from gateway.formats.x12.assembly import MAX_SET_FINDINGS
from gateway.formats.x12.judge import X12Judge
from gateway.model.finding import Severity
from gateway.model.judgement import FileJudged, Outcome

Judge = Callable[..., Any]
ReadAnswer = Callable[[str], Any]

SEED = 12
ISA = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *250301*1200*^*00501*000000101*0*T*:~"
MEMBER = (
    b"INS*Y*18*021*20*A***FT~REF*0F*100000001~REF*1L*GROUP1~DTP*356*D8*20250101~"
    b"NM1*IL*1*DOE*JANE****34*100000001~HD*021**HLT~DTP*348*D8*20250101~"
)


def roster(members: bytes, count: int) -> bytes:
    """An 834 around members of 7 segments each."""
    segments = 5 + 7 * count
    return (
        ISA + b"GS*BE*A1*B1*20250301*1200*77*X*005010X220A1~ST*834*0001*005010X220A1~BGN*00*1*20250301*1200****2~"
        b"N1*P5*SPONSOR*FI*123456789~N1*IN*INSURER*FI*987654321~"
        + members
        + f"SE*{segments}*0001~GE*1*77~IEA*1*000000101~".encode()
    )


SOUND = roster(MEMBER * 2, 2)


def judged_in_chunks(chunks: Iterator[bytes]) -> FileJudged:
    """What comes of a stream."""
    judging = X12Judge(InstalledGuides(mapped=False).choose, today="20260304")
    for chunk in chunks:
        judging.feed(chunk)
    return judging.finish()


def test_the_sound_one_is_sound(judge: Judge) -> None:
    """What the other tests spoil is accepted."""
    assert judge(SOUND).error_codes == set()


@pytest.mark.parametrize("length", range(0, len(SOUND), 7))
def test_cut_anywhere(length: int, judge: Judge) -> None:
    """Cut before its end it is rejected: by TA1 023 once the ISA is whole, by 001 or 021 inside of the IEA."""
    answered = judge(SOUND[:length])

    assert answered.error_codes
    if length >= len(ISA):
        [written] = answered.acknowledgements
        assert any(f"*R*{code}~".encode() in written.content for code in ("023", "021", "001"))
        assert b"*R*023~" in written.content or length > SOUND.index(b"IEA*")


@pytest.mark.parametrize("seed", range(40))
def test_bytes_spoiled_anywhere(seed: int, judge: Judge) -> None:
    """Some bytes replaced by others: a judgement, and an answer that is itself clean."""
    choice = random.Random(SEED + seed)  # noqa: S311 - the same bytes in every run
    content = bytearray(SOUND)
    for _ in range(choice.randrange(1, 12)):
        content[choice.randrange(len(content))] = choice.randrange(256)

    answered = judge(bytes(content))

    for written in answered.acknowledgements:
        codes = judge(written.content).error_codes
        # ISA identifiers of the sender are echoed as they are.
        assert {code for code in codes if not code.startswith("TA105:00")} == set(), written.content


@pytest.mark.parametrize("seed", range(10))
def test_random_bytes(seed: int, judge: Judge) -> None:
    """Nothing to be read, nobody to be answered."""
    content = random.Random(SEED + seed).randbytes(5000)  # noqa: S311 - the same bytes in every run

    answered = judge(content)

    assert answered.judged.interchanges == ()
    assert [finding.severity for finding in answered.judged.findings] == [Severity.ERROR]
    assert answered.acknowledgements == ()


@pytest.mark.parametrize("beginning", [b"ISA", b"ISA*", b"\xef\xbb\xbf", b"ISA" * 200, b"ISA" + b"*" * 300, ISA * 3])
def test_beginnings_of_an_interchange(beginning: bytes, judge: Judge) -> None:
    """What looks like an interchange and is none."""
    assert judge(beginning).error_codes


def test_ten_thousand_findings(judge: Judge, read_answer: ReadAnswer) -> None:
    """All are counted, a thousand are listed, and the 999 says no more."""
    members = MEMBER.replace(b"*D8*20250101", b"*D8*20251301", 1) * 10_000

    answered = judge(roster(members, 10_000))

    of_set = answered.judged.interchanges[0].groups[0].sets[0]
    assert (of_set.error_count, len(of_set.findings)) == (10_000, MAX_SET_FINDINGS)
    assert of_set.suppressed_count == 10_000 - MAX_SET_FINDINGS
    [one] = read_answer(answered.text).sets
    assert sum(note.startswith("3 ") for note in one.notes) == MAX_SEGMENT_NOTES
    assert answered.acknowledgements[0].omitted_count == 10_000 - MAX_SEGMENT_NOTES


def test_segment_of_50_mb() -> None:
    """It is too long, and is not kept."""
    before, after = roster(MEMBER, 1).split(b"REF*1L*")

    def chunks() -> Iterator[bytes]:
        yield before + b"REF*1L*"
        for _ in range(50):
            yield b"X" * (1 << 20)
        yield after

    judged = judged_in_chunks(chunks())

    of_set = judged.interchanges[0].groups[0].sets[0]
    assert of_set.outcome is Outcome.REJECTED
    assert any("longer" in finding.message for finding in of_set.findings)


def test_set_that_does_not_end() -> None:
    """A long set grows our memory by the packed items alone."""
    head, tail = roster(MEMBER, 1).split(MEMBER)
    batch, count = MEMBER * 1000, 50
    tracemalloc.start()

    judged = judged_in_chunks(chunk for chunk in (head, *[batch] * count, tail))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(judged.interchanges[0].groups[0].sets[0].items) == 1000 * count
    assert peak < 40 * 1000 * count + (8 << 20)


def test_double_terminator(judge: Judge, read_answer: ReadAnswer) -> None:
    """An empty segment is skipped and noted; what follows is not lost."""
    answered = judge(SOUND.replace(b"HD*", b"~HD*", 1))

    assert answered.error_codes == set()
    assert [one.verdict for one in read_answer(answered.text).sets] == ["A"]


def test_repeating_composite(judge: Judge) -> None:
    """Repetitions are told apart: DMG05 of an 834 may be repeated, each with its components."""
    member = MEMBER.replace(b"HD*", b"DMG*D8*19700614*F**:RET:2106-3^:RET:2186-5~HD*")

    answered = judge(roster(member, 1).replace(b"SE*12*", b"SE*13*"))

    assert answered.error_codes == set()


def test_no_finding_shows_a_value(judge: Judge) -> None:
    """Sentences, reprs and sources name places and limits, never what the message holds."""
    secret = b"SECRETVALUE"
    answered = judge(roster(MEMBER.replace(b"*18*", b"*" + secret + b"*"), 1))

    assert answered.error_codes
    assert secret.decode() not in repr(answered.judged)
    assert not any(secret.decode() in finding.message for finding in answered.findings)
    assert all(secret.decode() not in repr(written) for written in answered.acknowledgements)


def test_other_delimiters_and_line_ends(judge: Judge) -> None:
    """Any four distinct marks, with line ends after the terminator or a line end as terminator."""
    for element, component, repetition, terminator in ("|>!\n", "\x1d\x1f\x1e\x1c", "+:^'"):
        marks = str.maketrans("*:^~", element + component + repetition + terminator)
        content = SOUND.decode().translate(marks)

        assert judge(content.encode()).error_codes == set()
    assert judge(SOUND.replace(b"~", b"~\r\n")).error_codes == set()
    assert judge(b"\xef\xbb\xbf\r\n" + SOUND).error_codes == set()


def test_several_interchanges(judge: Judge, corpus: Path) -> None:
    """Each is judged and answered alone."""
    claim = (corpus / "x12/837P/valid/stupidedi__ambulance.edi").read_bytes().removeprefix(b"\xef\xbb\xbf")
    broken = SOUND.replace(b"IEA*1*", b"IEA*2*")

    answered = judge(SOUND + b"\r\n" + broken + claim)

    outcomes = [interchange.outcome for interchange in answered.judged.interchanges]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert [written.kind for written in answered.acknowledgements][:3] == ["999", "TA1", "999"] or [
        written.kind for written in answered.acknowledgements
    ] == ["999", "TA1", "TA1", "999"]
