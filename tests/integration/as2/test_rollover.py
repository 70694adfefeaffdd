"""Keys and certificates that follow each other: neither side has to switch at the same moment as the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.bootstrap.definitions import log_interruptions
from gateway.cli.development_certificates import make_as2_identity
from gateway.envelopes.as2.credentials import OwnKey
from tests.integration.as2.conftest import As2Running
from tests.integration.as2.partner import own_key
from tests.integration.conftest import claims


@pytest.fixture(scope="session")
def next_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OwnKey]:
    """Another key and certificate, for whoever changes."""
    issued = make_as2_identity(tmp_path_factory.mktemp("next"), "next")
    return issued.certificate.parent, own_key(issued)


async def test_partner_changes_its_certificate(
    fresh_as2: As2Running, next_key: tuple[Path, OwnKey], number: int
) -> None:
    """Once both are in its file the old and the new count; once the old one is out only the new does."""
    as2, (folder, key) = fresh_as2, next_key
    new = f'[[as2.certificate]]\nfile = "{folder / "next.pem"}"\nuses = ["sign"]'

    before = as2.receipt(await as2.post(as2.partner.pack(claims(number * 10, sender="AS2CLINIC"), key=key)))
    await as2.change_partner(more=new)
    by_old = as2.receipt(await as2.post(as2.partner.pack(claims(number * 10 + 1, sender="AS2CLINIC"))))
    by_new = as2.receipt(await as2.post(as2.partner.pack(claims(number * 10 + 2, sender="AS2CLINIC"), key=key)))
    await as2.change_partner(more=new, old_uses='uses = ["encrypt"]')
    after = as2.receipt(await as2.post(as2.partner.pack(claims(number * 10 + 3, sender="AS2CLINIC"))))

    assert str(before.disposition) == "processed/error: authentication-failed"
    assert (str(by_old.disposition), str(by_new.disposition)) == ("processed", "processed")
    assert str(after.disposition) == "processed/error: authentication-failed"


async def test_we_change_our_key(fresh_as2: As2Running, next_key: tuple[Path, OwnKey], number: int) -> None:
    """Whoever encrypts to the old certificate or to the new one is read; we sign with the one that began last."""
    as2, (folder, key) = fresh_as2, next_key
    settings = as2.site.settings
    added = f'[[as2.key]]\nname = "2027"\ncertificate = "{folder / "next.pem"}"\nkey = "{folder / "next-key.pem"}"\n'
    settings.write_text(settings.read_text("utf-8") + added, "utf-8")
    reloaded = await as2.gateway.reload()
    as2.partner.also_trusted = (key.certificate,)

    to_old = await as2.post(as2.partner.pack(claims(number * 10, sender="AS2CLINIC")))
    to_new = await as2.post(as2.partner.pack(claims(number * 10 + 1, sender="AS2CLINIC"), certificate=key.certificate))
    receipts = [as2.receipt(reply) for reply in (to_old, to_new)]

    assert "as2clinic" in reloaded.partners
    assert [str(receipt.disposition) for receipt in receipts] == ["processed", "processed"]
    assert {receipt.signer for receipt in receipts} == {key.certificate}


def test_what_has_ended_is_logged(fresh_as2: As2Running, logs: Path) -> None:
    """With the file, and without putting the partner out."""
    log_interruptions(fresh_as2.gateway.partners, datetime.now(UTC) + timedelta(days=60))

    logged = logs.read_text("utf-8")
    assert "as2.interrupted" in logged
    assert "no certificate to encrypt to counts" in logged
