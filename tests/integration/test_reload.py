"""Partners come, change and go without a restart; guesses end in waiting."""

from tests.integration.conftest import Running, claims, partner_text


async def test_a_broken_file_beside_good_ones_is_named(running: Running, number: int) -> None:
    """The others work; the fault has file and line."""
    reply = await running.post(claims(number))

    [fault] = running.gateway.partners.faults
    assert reply.status == 200
    assert fault.file.endswith("broken.toml")
    assert fault.line == 1


async def test_a_new_partner_is_taken_over(running: Running, number: int) -> None:
    """Refused before, welcome after."""
    before = await running.post(claims(number, sender="NEWCOMER"), user="newcomer")
    running.site.write_partner("newcomer", partner_text("NEWCOMER", "newcomer"))

    reloaded = await running.gateway.reload()
    after = await running.post(claims(number, sender="NEWCOMER"), user="newcomer")

    assert (before.status, after.status) == (401, 200)
    assert "newcomer" in reloaded.partners
    assert [fault.file.rpartition("/")[2] for fault in reloaded.faults] == ["broken.toml"]


async def test_a_disabled_partner_is_out_at_once(running: Running, number: int) -> None:
    """Though its password was right a moment ago."""
    before = await running.post(claims(number))
    running.site.write_partner("clinic", "enabled = false\n" + partner_text("BROOKCLINIC", "clinic"))

    await running.gateway.reload()
    after = await running.post(claims(number + 1))

    assert (before.status, after.status) == (200, 401)


async def test_guesses_are_throttled(running: Running, number: int) -> None:
    """429 with the time to wait; who signed in moments ago still passes."""
    await running.post(claims(number))
    for guess in range(5):
        await running.call("POST", "/exchange", b"x", user="clinic", password=f"guess{guess}")

    throttled = await running.call("POST", "/exchange", b"x", user="clinic", password="another")
    known = await running.post(claims(number))

    assert throttled.status == 429
    assert int(throttled.headers["Retry-After"]) > 0
    assert known.status == 200


async def test_an_agreement_may_allow_less_than_the_settings(running: Running, number: int) -> None:
    """413 for this partner alone."""
    small = partner_text("BROOKCLINIC", "clinic") + "[agreement.limits]\nsize_bytes = 1024\n"
    running.site.write_partner("clinic", small)

    await running.gateway.reload()
    refused = await running.post(claims(number))
    other = await running.post(claims(number, sender="MILL"), user="mill")

    assert (refused.status, other.status) == (413, 202)
