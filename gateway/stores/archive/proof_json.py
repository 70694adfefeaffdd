"""A proof as JSON's own types, for a bundle that is checked elsewhere. Bytes are hexadecimal.

Owns the form. Must not know what has to hold in a proof. Pure.
"""

from typing import Any

from gateway.stores.archive.chain import DIGEST_BYTES, ChainHead
from gateway.stores.archive.proof import ChainProof, OpenBlock, RecordProof, SegmentPath, ShutBlock

FORM = "gateway-archive-proof-1"


class ProofMalformed(ValueError):
    """The text is no proof."""


def proof_to_json(proof: ChainProof) -> dict[str, Any]:
    """The proof as JSON's own types; bytes are hexadecimal."""
    return {
        "form": FORM,
        "records": [
            {
                "segment": record.segment,
                "offset": record.offset,
                "bound": record.bound.hex(),
                "stored_sha256": record.stored_sha256.hex(),
                "blind": record.blind.hex(),
            }
            for record in proof.records
        ],
        "previous": proof.previous.hex(),
        "paths": [
            {
                "segment": path.segment,
                "skipped": path.skipped,
                "folded": path.folded.hex(),
                "blocks": [_block_to_json(block) for block in path.blocks],
                "records": path.records,
            }
            for path in proof.paths
        ],
        "head": str(proof.head),
    }


def _block_to_json(block: ShutBlock | OpenBlock) -> dict[str, str]:
    match block:
        case ShutBlock(link):
            return {"link": link.hex()}
        case OpenBlock(digests):
            return {"digests": b"".join(digests).hex()}


def proof_from_json(value: Any) -> ChainProof:
    """What `proof_to_json` made. Raises ProofMalformed."""
    try:
        if value["form"] != FORM:
            raise ProofMalformed("The proof is of no known form.")
        return ChainProof(
            tuple(
                RecordProof(
                    _count(each["segment"]),
                    _count(each["offset"]),
                    bytes.fromhex(each["bound"]),
                    _digest(each["stored_sha256"]),
                    _digest(each["blind"]),
                )
                for each in value["records"]
            ),
            _digest(value["previous"]),
            tuple(
                SegmentPath(
                    _count(each["segment"]),
                    _count(each["skipped"]),
                    _digest(each["folded"]),
                    tuple(_block_from_json(block) for block in each["blocks"]),
                    _count(each["records"]),
                )
                for each in value["paths"]
            ),
            ChainHead.parse(value["head"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProofMalformed("The proof is malformed.") from error


def _block_from_json(value: Any) -> ShutBlock | OpenBlock:
    if "link" in value:
        return ShutBlock(_digest(value["link"]))
    digests = bytes.fromhex(value["digests"])
    return OpenBlock(
        tuple(_digest(digests[begin : begin + DIGEST_BYTES].hex()) for begin in range(0, len(digests), DIGEST_BYTES))
    )


def _digest(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != DIGEST_BYTES:
        raise ProofMalformed("A digest of the proof has a wrong size.")
    return value


def _count(value: Any) -> int:
    # No archive comes near it, and eight bytes hold it times the records of a block.
    if not isinstance(value, int) or not 0 <= value < 1 << 48:
        raise ProofMalformed("A number of the proof is out of range.")
    return value
