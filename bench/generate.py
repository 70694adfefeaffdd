"""Writes 837P and 834 files of any size that the gateway accepts: `python bench/generate.py 837P 100 FILE`.

Owns envelopes, control numbers, counts and sizes. Memory is a few thousand rendered units, whatever the size: they
are drawn at random, each time with numbers of its own. Must not know what a segment means: `shapes` does.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO

from shapes import PARENT, Shape, Template, Unit, shapes, template_of, varied_text

from gateway.cli.guides import InstalledGuides
from gateway.formats.x12.judge import X12Judge
from gateway.model.judgement import Outcome

# Both guides advise 5,000 claims a set for an 837P (005010X222A1 section 1.3.1); an 834 has no such number.
MAX_SET_CLAIMS = 5_000
SUBSCRIBERS_OF_PROVIDER = 25
VARIATIONS_OF_UNIT = 150
WRITE_BYTES = 1 << 20
_SEED = 20_261_121


@dataclass(frozen=True, slots=True)
class Kind:
    """What is generated: a transaction set under a guide."""

    name: str
    set: str
    group: str
    guide: str


KINDS = {
    "837P": Kind("837P", "837", "HC", "005010X222A1"),
    "834": Kind("834", "834", "BE", "005010X220A1"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A shape, ready to be written again and again."""

    name: str
    providers: tuple[tuple[str, int], ...]  # text with a place for its HL number, and segments
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    size_bytes: int
    set_count: int
    item_count: int
    segment_count: int
    shape_count: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sets:
    """Sets of one kind, a piece at a time."""

    kind: Kind
    head: tuple[tuple[str, ...], ...]
    sources: tuple[Source, ...]

    def envelope(self) -> str:
        """ISA and GS."""
        return (
            "ISA*00*          *00*          *ZZ*BENCHSENDER    *ZZ*BENCHRECEIVER  *260102*1200*^*00501*000000001*0*T*:~"
            f"\nGS*{self.kind.group}*BENCHSENDER*BENCHRECEIVER*20260102*1200*1*X*{self.kind.guide}~\n"
        )

    def pieces(self, control: str, limit: int | None, random: Random, running: int) -> Iterator[tuple[str, int, int]]:
        """Text, segments and items of each piece, from ST to before SE; without end where unlimited."""
        head = [list(segment) for segment in self.head]
        head[0] = ["ST", self.kind.set, control, self.kind.guide]
        head[1][3 if self.kind.set == "837" else 2] = f"BATCH-{control}"
        yield "".join("*".join(segment) + "~\n" for segment in head), len(head), 0
        level = items = 0
        while limit is None or items < limit:
            source = random.choice(self.sources)
            parent = 0
            if source.providers:
                level += 1
                parent = level
                text, count = random.choice(source.providers)
                yield text % {"parent": parent}, count, 0
            for template in random.choices(source.templates, k=SUBSCRIBERS_OF_PROVIDER):
                if limit is not None and items + template.item_count > limit:
                    return
                running += 1
                items += template.item_count
                numbers = {"parent": parent, "running": running}
                for at in range(template.level_count):
                    numbers[f"h{at}"] = level + at + 1
                level += template.level_count
                yield template.text % numbers, template.segment_count, template.item_count


class Generator:
    """Files of one kind. Shapes are cut and tried once."""

    def __init__(self, kind: Kind, *, corpus: bool = True) -> None:
        self.kind = kind
        found = list(shapes(kind.guide, kind.name if corpus else None))
        head = found[0].head
        sources: list[Source] = []
        left_out: list[str] = []
        for shape in found:
            units = [unit for unit in shape.units if _is_accepted(kind, head, shape, unit)]
            if units:
                sources.append(_source(shape, units, Random(f"{_SEED}{shape.name}")))
            else:
                left_out.append(shape.name)
        self.left_out = tuple(left_out)
        self._sets = _Sets(kind, head, tuple(sources))

    def write(self, path: Path, size_bytes: int, *, set_items: int | None = None) -> Written:
        """A file of this size, a unit more at most. One set for an 834, at most `set_items` items a set else."""
        limit = set_items or (MAX_SET_CLAIMS if self.kind.set == "837" else None)
        with path.open("wb", buffering=WRITE_BYTES) as out:
            return self._write(out, size_bytes, limit)

    def _write(self, out: BinaryIO, size_bytes: int, limit: int | None) -> Written:
        random = Random(_SEED)
        size = out.write(self._sets.envelope().encode())
        set_count = item_count = segment_count = 0
        while size < size_bytes:
            set_count += 1
            segments = 1
            for text, segment_number, item_number in self._sets.pieces(_control(set_count), limit, random, item_count):
                size += out.write(text.encode())
                segments += segment_number
                item_count += item_number
                if size >= size_bytes:
                    break
            size += out.write(f"SE*{segments}*{_control(set_count)}~\n".encode())
            segment_count += segments
        size += out.write(f"GE*{set_count}*1~\nIEA*1*000000001~\n".encode())
        return Written(size, set_count, item_count, segment_count, len(self._sets.sources), self.left_out)


def _control(number: int) -> str:
    return f"{number:04d}"


def _is_accepted(kind: Kind, head: tuple[tuple[str, ...], ...], shape: Shape, unit: Unit) -> bool:
    """Whether some of its variations are clean under our head: no error, no warning."""
    sets = _Sets(kind, head, (_source(shape, [unit], Random(_SEED), count=5),))
    pieces = list(sets.pieces(_control(1), unit.item_count * 20, Random(_SEED), 0))
    segments = 1 + sum(count for _, count, _ in pieces)
    end = f"SE*{segments}*{_control(1)}~\nGE*1*1~\nIEA*1*000000001~\n"
    return is_clean((sets.envelope() + "".join(text for text, _, _ in pieces) + end).encode())


def is_clean(text: bytes) -> bool:
    """Whether the gateway accepts these interchanges without a finding."""
    judge = X12Judge(InstalledGuides(mapped=False).choose, today="20260102")
    judge.feed(text)
    judged = judge.finish()
    return all(
        interchange.outcome is Outcome.ACCEPTED
        and not any(of_set.error_count or of_set.warning_count for group in interchange.groups for of_set in group.sets)
        for interchange in judged.interchanges
    )


def _source(shape: Shape, units: list[Unit], random: Random, *, count: int = VARIATIONS_OF_UNIT) -> Source:
    templates = tuple(template_of(unit, random) for unit in units for _ in range(count))
    return Source(shape.name, tuple(_providers(shape, random, count)), templates)


def _providers(shape: Shape, random: Random, count: int) -> Iterator[tuple[str, int]]:
    for _ in range(count if shape.provider else 0):
        segments = varied_text(shape.provider, random)
        segments[0] = ["HL", PARENT, "", "20", "1"]
        text = "".join("*".join(segment).replace("%", "%%") + "~\n" for segment in segments)
        yield text.replace("%" + PARENT, PARENT), len(segments)


def main() -> None:
    """Write one file and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("megabytes", type=float)
    parser.add_argument("file", type=Path)
    parser.add_argument("--set-items", type=int, help="items a set (default: 5000 for an 837P, one set for an 834)")
    arguments = parser.parse_args()
    generator = Generator(KINDS[arguments.kind])
    print(generator.write(arguments.file, int(arguments.megabytes * 1e6), set_items=arguments.set_items))


if __name__ == "__main__":
    main()
