"""A proof shows, without files and keys, that a head of the chain stands for a body."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.exchange import ArchiveReference
from gateway.stores.archive import SegmentArchive
from gateway.stores.archive.chain import BLOCK_RECORDS
from gateway.stores.archive.proof import (
    ChainProof,
    NotProven,
    OpenBlock,
    Proven,
    check,
)
from gateway.stores.archive.proof_json import ProofMalformed, proof_from_json, proof_to_json
from gateway.stores.archive.proving import prove_offline
from tests.unit.stores.archive.archives import RING, Fatal, kept, pieces

MANY_BODIES = 700


def body(number: int) -> bytes:
    """One of many."""
    return b"body %d" % number


@pytest.fixture
async def many(tmp_path: Path) -> list[ArchiveReference]:
    """More bodies than two blocks of the chain hold, in a few segments."""
    return await kept(tmp_path, map(body, range(MANY_BODIES)), 50_000)


@pytest.fixture
async def proof(tmp_path: Path) -> ChainProof:
    """Of the second of three bodies."""
    references = await kept(tmp_path, map(body, range(3)))
    return prove_offline(tmp_path, RING, references[1])


@pytest.mark.parametrize("number", [0, 1, 254, 255, 256, 400, 511, MANY_BODIES - 1])
async def test_body_is_proven(tmp_path: Path, many: list[ArchiveReference], number: int) -> None:
    """Wherever it stands in its block and segment."""
    made = prove_offline(tmp_path, RING, many[number])

    outcome = check(made, [body(number)])

    assert isinstance(outcome, Proven)
    assert outcome.head == made.head


@pytest.mark.parametrize("number", [0, 300, MANY_BODIES - 1])
async def test_other_body_is_not_proven(tmp_path: Path, many: list[ArchiveReference], number: int) -> None:
    """Not even one that differs in one bit."""
    made = prove_offline(tmp_path, RING, many[number])

    outcome = check(made, [body(number)[:-1] + bytes([body(number)[-1] ^ 1])])

    assert isinstance(outcome, NotProven)


async def test_head_of_a_proof_is_the_archives(tmp_path: Path) -> None:
    """A proof that a running gateway makes leads to the head of that moment."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    reference = await archive.append(pieces(b"body"))
    await archive.append(pieces(b"another"))

    made = await archive.prove(reference)

    assert made.head == archive.chain_head()
    assert isinstance(check(made, [b"body"]), Proven)
    await archive.close()


async def test_body_of_many_chunks_is_proven(tmp_path: Path) -> None:
    """Over segments, in pieces that do not fall together with its chunks."""
    data = os.urandom(3 * (1 << 20) + 17)
    (_, reference, _) = await kept(tmp_path, [b"before", data, b"behind"], 2 << 20)
    made = prove_offline(tmp_path, RING, reference)

    outcome = check(made, (data[begin : begin + 70_001] for begin in range(0, len(data), 70_001)))

    assert isinstance(outcome, Proven)
    assert len(made.paths) >= 2


async def test_chunks_in_another_order_are_not_proven(tmp_path: Path) -> None:
    """The index says in which order they are one body."""
    first, second = os.urandom(1 << 20), os.urandom(1 << 20)
    (reference,) = await kept(tmp_path, [first + second])
    made = prove_offline(tmp_path, RING, reference)
    one, two, index = made.records

    swapped = replace(made, records=(two, one, index))

    assert isinstance(check(made, [first, second]), Proven)
    assert isinstance(check(swapped, [second, first]), NotProven)


@pytest.mark.parametrize("pieces_of_body", [[b"body 1", b"more"], [b"body"], []], ids=["longer", "shorter", "nothing"])
def test_body_of_another_length_is_not_proven(proof: ChainProof, pieces_of_body: list[bytes]) -> None:
    """Neither more nor less."""
    assert check(proof, pieces_of_body) == NotProven("The body has another length than what was archived.")


def alterations(proof: ChainProof) -> Iterator[tuple[str, ChainProof]]:
    """The proof with one thing in it altered, each in turn."""
    (record,), (path,) = proof.records, proof.paths
    (block,) = path.blocks
    assert isinstance(block, OpenBlock)
    other = bytes(32)
    yield "segment", replace(proof, records=(replace(record, segment=2),))
    yield "offset", replace(proof, records=(replace(record, offset=record.offset + 1),))
    for at in range(len(record.bound)):
        altered = bytearray(record.bound)
        altered[at] ^= 1
        yield f"bound {at}", replace(proof, records=(replace(record, bound=bytes(altered)),))
    yield "cut bound", replace(proof, records=(replace(record, bound=record.bound[:10]),))
    yield "stored", replace(proof, records=(replace(record, stored_sha256=other),))
    yield "blind", replace(proof, records=(replace(record, blind=other),))
    yield "no record", replace(proof, records=())
    yield "previous", replace(proof, previous=b"\x01" + proof.previous[1:])
    yield "no path", replace(proof, paths=())
    yield "folded", replace(proof, paths=(replace(path, folded=b"\x01" * 32),))
    yield "records", replace(proof, paths=(replace(path, records=path.records + 1),))
    yield "skipped", replace(proof, paths=(replace(path, skipped=1),))
    yield "digest", replace(proof, paths=(replace(path, blocks=(OpenBlock((*block.digests[:-1], other)),)),))
    yield "one fewer", replace(proof, paths=(replace(path, blocks=(OpenBlock(block.digests[:-1]),)),))
    yield "head", replace(proof, head=replace(proof.head, value=other))
    yield "head's place", replace(proof, head=replace(proof.head, records=proof.head.records + 1))


def test_altered_proof_is_not_proven(proof: ChainProof) -> None:
    """Whatever is altered in it."""
    for name, altered in alterations(proof):
        outcome = check(altered, [b"body 1"])

        assert isinstance(outcome, NotProven), name


def test_proof_survives_json(proof: ChainProof) -> None:
    """What is written into a bundle is what is read from it."""
    assert proof_from_json(json.loads(json.dumps(proof_to_json(proof)))) == proof


@pytest.mark.parametrize(
    ("field", "value"),
    [("form", "other"), ("head", "x"), ("previous", "00"), ("records", [{}]), ("paths", None), ("records", 7)],
)
def test_malformed_proof_is_refused(proof: ChainProof, field: str, value: object) -> None:
    """Whatever a bundle holds, it is a proof or it is not."""
    with pytest.raises(ProofMalformed):
        proof_from_json(proof_to_json(proof) | {field: value})


async def test_proof_is_short(tmp_path: Path, many: list[ArchiveReference]) -> None:
    """It holds the digests of one block, not of all records."""
    made = prove_offline(tmp_path, RING, many[300])

    digests = sum(len(block.digests) for path in made.paths for block in path.blocks if isinstance(block, OpenBlock))
    assert digests <= BLOCK_RECORDS
