"""`gateway archive evidence` and `verify-evidence`: what a bundle proves, and that an altered one proves nothing."""

import asyncio
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.envelopes.as2.profile import Compression, EncryptionAlgorithm, Packaging
from gateway.pipeline.states import InstanceState
from tests.integration.as2.conftest import As2Running
from tests.integration.conftest import claims

Alter = Callable[[bytes], bytes]


async def sent_and_done(as2: As2Running, number: int, packaging: Packaging | None = None) -> UUID:
    """A message that was taken, judged, and whose acknowledgements the partner has."""
    reply = await as2.post(as2.partner.pack(claims(number, sender="AS2CLINIC"), packaging))
    instance = UUID(reply.headers.get("Gateway-Instance"))
    ledger = as2.gateway._pipeline.ledger
    async with asyncio.timeout(10):
        while True:
            detail = await ledger.show(instance)
            assert detail is not None
            states = {answer.state.value for answer in detail.answers}
            if detail.row.state is InstanceState.DONE and states == {"confirmed"}:
                return instance
            await asyncio.sleep(0.02)


async def run(*words: str) -> tuple[int, str]:
    """The command line beside the running gateway."""
    result = await asyncio.to_thread(CliRunner().invoke, app, list(words), env={"COLUMNS": "300"})
    return result.exit_code, result.output


async def bundle_of(as2: As2Running, instance: UUID) -> Path:
    """A bundle, freshly written."""
    target = as2.site.folder / "bundle.zip"
    words = ("archive", "evidence", str(instance), "--to", str(target), "--config", str(as2.site.settings))
    code, text = await run(*words)
    assert code == 0, text
    return target


def altered(bundle: Path, name: str, alter: Alter) -> Path:
    """The same bundle with one file changed."""
    target = bundle.with_name("altered.zip")
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as changed:
        for entry in source.namelist():
            data = source.read(entry)
            changed.writestr(entry, alter(data) if entry == name else data)
    return target


@pytest.mark.parametrize(
    "packaging",
    [
        Packaging(),
        Packaging(compression=Compression.AFTER_SIGNING, encryption=EncryptionAlgorithm.AES256_GCM),
    ],
    ids=["encrypted", "compressed outside"],
)
async def test_a_bundle_proves_the_whole_exchange_offline(
    fresh_as2: As2Running, number: int, packaging: Packaging
) -> None:
    """Signature, payload, our receipt, acknowledgements and their receipts, all under one head, without any key."""
    instance = await sent_and_done(fresh_as2, number, packaging)
    bundle = await bundle_of(fresh_as2, instance)
    theirs = fresh_as2.site.folder / "theirs.pem"
    theirs.write_bytes(fresh_as2.partner.key.certificate.public_bytes(Encoding.PEM))
    manifest = json.loads(zipfile.ZipFile(bundle).read("manifest.json"))

    words = ("archive", "verify-evidence", str(bundle), "--head", manifest["head"], "--certificate", str(theirs))
    code, text = await run(*words)

    assert code == 0, text
    assert "fails" not in text
    assert "with a certificate that you gave" in text
    assert "It is one that was noted." in text
    assert "It is what the sender signed." in text
    assert "processed, signed, with the MIC of the message" in text
    assert text.count("with the MIC that we sent") == 2  # for the TA1 and for the 999


async def test_an_altered_bundle_names_what_was_altered(fresh_as2: As2Running, number: int) -> None:
    """One bit anywhere: the part, the signed entity, a proof, a claim of the manifest."""
    bundle = await bundle_of(fresh_as2, await sent_and_done(fresh_as2, number))
    names = zipfile.ZipFile(bundle).namelist()
    for name in names:
        if name.startswith(("parts/", "signed.mime", "proofs/")):
            changed = altered(bundle, name, lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])

            code, text = await run("archive", "verify-evidence", str(changed))

            assert code != 0, f"{name}\n{text}"


@pytest.mark.parametrize("content", [b"", b"no bundle", b"PK\x05\x06" + bytes(18)])
async def test_what_is_no_bundle_is_said_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    """Exit 2, no traceback."""
    file = tmp_path / "bundle.zip"
    file.write_bytes(content)

    code, text = await run("archive", "verify-evidence", str(file))

    assert code == 2
    assert "bundle" in text
