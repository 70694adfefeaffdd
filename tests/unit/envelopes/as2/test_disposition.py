"""Dispositions: what we send, and what we make of those of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.disposition import PROCESSED, As2Fault, Disposition, Kind, Modifier

MODE = "automatic-action/MDN-sent-automatically"


@pytest.mark.parametrize(
    ("modifier", "text"),
    [
        (Modifier.DECRYPTION_FAILED, "processed/error: decryption-failed"),
        (Modifier.INTEGRITY_CHECK_FAILED, "processed/error: integrity-check-failed"),
        (Modifier.AUTHENTICATION_FAILED, "processed/error: authentication-failed"),
        (Modifier.DECOMPRESSION_FAILED, "processed/error: decompression-failed"),
        (Modifier.INSUFFICIENT_MESSAGE_SECURITY, "processed/error: insufficient-message-security"),
        (Modifier.UNKNOWN_TRADING_RELATIONSHIP, "processed/error: unknown-trading-relationship"),
        (Modifier.SENDER_EQUALS_RECEIVER, "failed/failure: sender-equals-receiver"),
        (Modifier.UNSUPPORTED_MIC_ALGORITHMS, "failed/failure: unsupported MIC-algorithms"),
        (Modifier.UNSUPPORTED_FORMAT, "failed/failure: unsupported format"),
        (Modifier.DUPLICATE_DOCUMENT, "processed/warning: duplicate-document"),
        (Modifier.UNEXPECTED_PROCESSING_ERROR, "processed/error: unexpected-processing-error"),
    ],
)
def test_writes_each_and_reads_it_again(modifier: Modifier, text: str) -> None:
    """The words of the standard, and what they say to a reader."""
    fault = As2Fault(modifier, "Why.")

    assert str(fault.disposition) == text
    read = Disposition.parse(f"{MODE}; {text}")
    assert (read, read.modifier) == (fault.disposition, modifier)


def test_covers_every_modifier() -> None:
    """No modifier is written and not read."""
    assert all(Disposition.parse(str(Disposition.of(each))).modifier is each for each in Modifier)


@pytest.mark.parametrize(
    ("text", "disposition"),
    [
        (f"{MODE}; processed", PROCESSED),
        (f"{MODE};processed", PROCESSED),
        ("Manual-Action/MDN-Sent-Manually; PROCESSED ", PROCESSED),
        ("processed", PROCESSED),
        (f"{MODE}; displayed", PROCESSED),
        (f"{MODE}; processed/Error: Authentication-Failed", Disposition(Kind.ERROR, "authentication-failed")),
        (f"{MODE};processed/error:decryption-failed", Disposition(Kind.ERROR, "decryption-failed")),
        (f"{MODE}; processed / error decryption-failed", Disposition(Kind.ERROR, "decryption-failed")),
        (f"{MODE}; processed Error: decryption-failed", Disposition(Kind.ERROR, "decryption-failed")),
        (f"{MODE}; processed/error: decompresion-failed", Disposition(Kind.ERROR, "decompression-failed")),
        (f"{MODE}; processed/Warning: duplicate-document", Disposition(Kind.WARNING, "duplicate-document")),
        (
            f"{MODE}; failed/Failure: Unsupported mic-algorithms",
            Disposition(Kind.FAILURE, "unsupported MIC-algorithms"),
        ),
        (f"{MODE}; failed/failure: call; the   help desk", Disposition(Kind.FAILURE, "call; the help desk")),
        (f"{MODE}; failed/failure", Disposition(Kind.FAILURE)),
        (f"{MODE}; failed", Disposition(Kind.FAILURE)),
        (f"{MODE}; failed: no more paper", Disposition(Kind.FAILURE, "no more paper")),
        (f"{MODE}; denied", Disposition(Kind.FAILURE)),
        (f"{MODE}; processed/oops", Disposition(Kind.ERROR)),
    ],
)
def test_reads_leniently(text: str, disposition: Disposition) -> None:
    """Case, blanks, missing signs, a known misspelling and free text."""
    assert Disposition.parse(text) == disposition


@pytest.mark.parametrize("text", ["", ";", MODE, f"{MODE};", f"{MODE}; done", "200 OK"])
def test_refuses_what_says_nothing(text: str) -> None:
    """Neither processed nor failed: nobody may take that for a receipt."""
    with pytest.raises(ValueError, match="neither"):
        Disposition.parse(text)


@pytest.mark.parametrize(("disposition", "is_processed"), [(PROCESSED, True), (Disposition(Kind.WARNING), True)])
def test_a_warning_is_processed(disposition: Disposition, is_processed: bool) -> None:
    """A receiver that warns has the message."""
    assert disposition.is_processed is is_processed
    assert not Disposition(Kind.ERROR).is_processed
    assert not Disposition(Kind.FAILURE).is_processed


@given(st.text())
def test_reads_anything_or_refuses(text: str) -> None:
    """No text crashes the reader, and its own words are read as the same."""
    try:
        disposition = Disposition.parse(text)
    except ValueError:
        return

    assert Disposition.parse(f"x; {disposition}") == disposition
