"""AS2 header fields as partners really send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.addressing import (
    MAXIMUM_MESSAGE_ID_CHARACTERS,
    MAXIMUM_NAME_CHARACTERS,
    Addressing,
    NotAs2,
    ReceiptRequest,
    bare_message_id,
    quote_name,
    read_addressing,
    refusal,
    unquote_name,
)
from gateway.envelopes.as2.disposition import Modifier
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.mime.headers import Headers


def addressing(**fields: str) -> Addressing:
    """Of a message with these fields beside the needed ones; underscores stand for hyphens."""
    needed = {"AS2-From": "partner", "AS2-To": "us", "Message-ID": "<1@partner>"}
    given_fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return read_addressing(Headers(tuple((needed | given_fields).items())))


def receipt(options: str, **fields: str) -> ReceiptRequest:
    """What a message with these options wants."""
    request = addressing(Disposition_Notification_To="x", Disposition_Notification_Options=options, **fields).receipt
    assert request is not None
    return request


def test_reads_the_fields() -> None:
    """Names, Message-ID, version and features; no receipt where none is asked for."""
    read = addressing(AS2_Version="1.2", EDIINT_Features="Multiple-Attachments, AS2-Reliability,")

    assert read == Addressing(
        "partner", "us", "<1@partner>", None, "1.2", frozenset({"multiple-attachments", "as2-reliability"})
    )


def test_defaults() -> None:
    """Without AS2-Version a product is of 1.0 and announces nothing."""
    read = addressing()

    assert (read.version, read.features) == ("1.0", frozenset())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("PARTNER", "PARTNER"),
        ('"PARTNER"', "PARTNER"),
        ('"A partner"', "A partner"),
        ("A partner", "A partner"),
        (r'"a \"b\" \\c"', r'a "b" \c'),
        ("!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
        ("x" * MAXIMUM_NAME_CHARACTERS, "x" * MAXIMUM_NAME_CHARACTERS),
    ],
)
def test_unquotes_names(text: str, name: str) -> None:
    """Quoted or not, with escapes, blanks and every printable character."""
    assert unquote_name(text, "AS2-From") == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        '""',
        '"',
        'a"b',
        '"a"b"',
        "a\\b",
        r'"a\b"',
        '"a\\"',
        "M\u00fcller",
        '"M\u00fcller"',
        "a\tb",
        "a\x00b",
        "x" * 129,
    ],
)
def test_refuses_what_is_no_name(text: str) -> None:
    """Quotes that do not fit, other escapes, controls, non-ASCII, too long."""
    with pytest.raises(NotAs2):
        unquote_name(text, "AS2-From")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=MAXIMUM_NAME_CHARACTERS))
def test_reads_the_names_it_quotes(name: str) -> None:
    """Any printable name comes back, but for blanks around, which no field keeps."""
    if name == name.strip():
        assert unquote_name(quote_name(name), "AS2-From") == name


@pytest.mark.parametrize("field", ["AS2-From", "AS2-To", "Message-ID"])
def test_needs_each_field_once(field: str) -> None:
    """A missing, empty or contradictory field is no AS2; a repeated one is."""
    fields = {"AS2-From": "partner", "AS2-To": "us", "Message-ID": "<1@partner>"}
    rest = tuple((name, value) for name, value in fields.items() if name != field)

    for wrong in ((), ((field, ""),), ((field, "a"), (field, "b"))):
        with pytest.raises(NotAs2, match=field):
            read_addressing(Headers((*rest, *wrong)))
    assert read_addressing(Headers((*rest, (field, "same"), (field.lower(), "same"))))


@pytest.mark.parametrize("text", ["<1@x>", "1@x", "<a b>", "x" * MAXIMUM_MESSAGE_ID_CHARACTERS])
def test_keeps_the_message_id_as_sent(text: str) -> None:
    """With or without brackets: it is echoed to the letter."""
    assert addressing(Message_ID=text).message_id == text


@pytest.mark.parametrize("text", ["<>", "<\u00fc@x>", "<a\x00>", "x" * (MAXIMUM_MESSAGE_ID_CHARACTERS + 1)])
def test_refuses_what_is_no_message_id(text: str) -> None:
    """Empty, not printable ASCII, or longer than a line."""
    with pytest.raises(NotAs2):
        addressing(Message_ID=text)


def test_compares_message_ids_without_brackets() -> None:
    """Some products drop the brackets of an id that they echo."""
    assert bare_message_id(" <1@x> ") == bare_message_id("1@x") == "1@x"


@pytest.mark.parametrize(
    "options",
    [
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, SHA-256, md5, sha1",
        "signed-receipt-protocol=required,pkcs7-signature;signed-receipt-micalg=required,SHA-256,sha1",
        'Signed-Receipt-Protocol = "optional, pkcs7-signature"; signed-receipt-micalg="optional", "SHA-256", sha1;',
        "signed-receipt-protocol=pkcs7-signature; signed-receipt-micalg=SHA-256, sha1; x=y; ;",
        "signed-receipt-micalg=optional, SHA-256, sha1",
    ],
)
def test_reads_receipt_options(options: str) -> None:
    """Importance, quotes, blanks and a missing protocol; names as spelled, unknown ones left out."""
    assert receipt(options) == ReceiptRequest(
        is_signed=True, digests=(DigestAlgorithm.SHA256, DigestAlgorithm.SHA1), names=("SHA-256", "sha1")
    )


@pytest.mark.parametrize("options", ["", "x", "signed-receipt-protocol=optional, pgp-signature", "=;=,;;"])
def test_reads_the_wish_for_an_unsigned_receipt(options: str) -> None:
    """Without a protocol that we know, the receipt is not signed."""
    assert receipt(options) == ReceiptRequest(is_signed=False)


@pytest.mark.parametrize(
    ("options", "modifier"),
    [
        ("signed-receipt-protocol=required, pgp-signature", Modifier.UNSUPPORTED_FORMAT),
        ("signed-receipt-protocol=required", Modifier.UNSUPPORTED_FORMAT),
        (
            "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, md5, sha3",
            Modifier.UNSUPPORTED_MIC_ALGORITHMS,
        ),
    ],
)
def test_refuses_what_is_demanded_and_not_known(options: str, modifier: Modifier) -> None:
    """`required` leaves no choice: the message fails."""
    message = addressing(Disposition_Notification_To="x", Disposition_Notification_Options=options)
    fault = refusal(message)

    assert fault is not None
    assert fault.modifier is modifier


def test_refuses_a_sender_that_is_the_receiver() -> None:
    """A loop, most likely."""
    fault = refusal(addressing(AS2_From='"us"'))

    assert fault is not None
    assert fault.modifier is Modifier.SENDER_EQUALS_RECEIVER


def test_refuses_nothing_else() -> None:
    """Wishes that cannot be fulfilled are passed over."""
    assert refusal(addressing()) is None
    assert refusal(addressing(Disposition_Notification_To="x")) is None


def test_reads_where_a_receipt_shall_go() -> None:
    """An asynchronous receipt has a URL; without a wish for a receipt it means nothing."""
    assert receipt("", Receipt_Delivery_Option=" http://partner/mdn ").url == "http://partner/mdn"
    assert receipt("", Receipt_Delivery_Option=" ").url is None
    assert addressing(Receipt_Delivery_Option="http://partner/mdn").receipt is None
