"""Who writes to whom, under which Message-ID, and which receipt is asked for (RFC 4130 sections 6 and 7.3).

Owns the AS2 header fields of a message. Must not know relationships, nor open the body.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.mic import digest_named
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.mime.content_type import in_quotes
from gateway.envelopes.mime.headers import Headers

# RFC 4130 6.2.
MAXIMUM_NAME_CHARACTERS = 128
# RFC 5322 2.1.1: a line.
MAXIMUM_MESSAGE_ID_CHARACTERS = 998
# A URL that does not fit is not one that an agreement lists.
MAXIMUM_URL_CHARACTERS = 2048
# Two options with every algorithm that there is have 200; what stands behind is not looked at.
_MAXIMUM_OPTIONS_CHARACTERS = 1000
# Who exchange at the same time. What they write in every message alike is read once.
_PARTNERS: Final = 256
_PRODUCTS: Final = 64

# Printable ASCII without quote and backslash; blanks outside quotes are against the standard, and common.
_BARE_NAME = re.compile(r"[ !#-\[\]-~]+")
_QUOTED_NAME = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
_NEEDS_QUOTES = re.compile(r'[ "\\]')
_ESCAPED = re.compile(r'\\(["\\])')
_PRINTABLE = re.compile(r"[ -~]+")

_SIGNATURE_PROTOCOLS = frozenset({"pkcs7-signature", "x-pkcs7-signature"})


class NotAs2(Exception):
    """AS2-From, AS2-To or Message-ID is missing or malformed: there is nobody whom a receipt could reach."""


@dataclass(frozen=True, slots=True)
class ReceiptRequest:
    """Which receipt a sender wants.

    `digests` are the MIC algorithms that it accepts and we know, in its order; `names` how it spells them.
    `url` is where an asynchronous receipt shall go, None for one in the reply. `refusal` is what it demands
    (`required`) and we cannot do.
    """

    is_signed: bool
    digests: tuple[DigestAlgorithm, ...] = ()
    names: tuple[str, ...] = ()
    url: str | None = None
    refusal: Modifier | None = None


@dataclass(frozen=True, slots=True)
class Addressing:
    """The AS2 fields of a message. Names are without quotes and escapes, `message_id` is as sent.

    `receipt` is None where none is wanted; `features` are EDIINT-Features in lower case.
    """

    sender: str
    receiver: str
    message_id: str
    receipt: ReceiptRequest | None
    version: str
    features: frozenset[str]


def read_addressing(headers: Headers) -> Addressing:
    """Raises NotAs2."""
    return Addressing(
        sender=unquote_name(_the_one(headers, "AS2-From"), "AS2-From"),
        receiver=unquote_name(_the_one(headers, "AS2-To"), "AS2-To"),
        message_id=_message_id(_the_one(headers, "Message-ID")),
        receipt=_receipt_request(headers),
        version=headers.get("AS2-Version") or "1.0",
        features=_features(",".join(headers.all("EDIINT-Features"))),
    )


def refusal(addressing: Addressing) -> As2Fault | None:
    """Why a message is not taken whatever its body holds, None where nothing speaks against it."""
    if addressing.sender == addressing.receiver:
        return As2Fault(Modifier.SENDER_EQUALS_RECEIVER, "AS2-From and AS2-To are the same name.")
    wanted = addressing.receipt.refusal if addressing.receipt else None
    if wanted is Modifier.UNSUPPORTED_MIC_ALGORITHMS:
        return As2Fault(wanted, "The sender demands a receipt with a MIC algorithm that is not supported.")
    if wanted is not None:
        return As2Fault(wanted, "The sender demands a receipt signed by a protocol that is not supported.")
    return None


@lru_cache(maxsize=_PARTNERS)
def quote_name(name: str) -> str:
    """An AS2 name as the value of a field: in quotes where the standard wants them."""
    return in_quotes(name) if _NEEDS_QUOTES.search(name) else name


@lru_cache(maxsize=_PARTNERS)
def unquote_name(text: str, field: str) -> str:
    """The name that a field gives. Names are compared to the letter. Raises NotAs2."""
    name = text
    if not _BARE_NAME.fullmatch(text):
        quoted = _QUOTED_NAME.fullmatch(text)
        if quoted is None:
            raise NotAs2(f"{field} is no AS2 name: printable ASCII, in quotes where it has quotes or backslashes.")
        name = _ESCAPED.sub(r"\1", quoted[1])
    if len(name) > MAXIMUM_NAME_CHARACTERS:
        raise NotAs2(f"{field} has more than {MAXIMUM_NAME_CHARACTERS} characters.")
    return name


def bare_message_id(message_id: str) -> str:
    """Without angle brackets: some products send none, others put them where there were none."""
    return message_id.strip().removeprefix("<").removesuffix(">")


def _the_one(headers: Headers, name: str) -> str:
    """The value of a field that must be there once; proxies have been seen to repeat one unchanged."""
    values = headers.all(name)
    if len(values) > 1 and len(set(values)) > 1:
        raise NotAs2(f"{name} is there twice, with different values.")
    if not values or not values[0]:
        raise NotAs2(f"{name} is missing.")
    return values[0].strip()


def _message_id(text: str) -> str:
    if not _PRINTABLE.fullmatch(text) or not bare_message_id(text):
        raise NotAs2("Message-ID is not printable ASCII.")
    if len(text) > MAXIMUM_MESSAGE_ID_CHARACTERS:
        raise NotAs2(f"Message-ID has more than {MAXIMUM_MESSAGE_ID_CHARACTERS} characters.")
    return text


def _receipt_request(headers: Headers) -> ReceiptRequest | None:
    """RFC 4130 7.3: the receipt and its options."""
    if headers.get("Disposition-Notification-To") is None:
        return None
    options = (headers.get("Disposition-Notification-Options") or "")[:_MAXIMUM_OPTIONS_CHARACTERS]
    url = (headers.get("Receipt-Delivery-Option") or "").strip()[: MAXIMUM_URL_CHARACTERS + 1]
    return replace(_wishes(options), url=url) if url else _wishes(options)


@lru_cache(maxsize=_PRODUCTS)
def _features(text: str) -> frozenset[str]:
    return frozenset(feature.strip() for feature in text.lower().split(",")) - {""}


@lru_cache(maxsize=_PARTNERS)
def _wishes(text: str) -> ReceiptRequest:
    """The options."""
    options = _options(text)
    protocol_required, protocols = options.get("signed-receipt-protocol", (False, ()))
    micalg_required, names = options.get("signed-receipt-micalg", (False, ()))
    known = [(digest, name) for name in names if (digest := digest_named(name)) is not None]
    is_protocol_known = any(protocol.lower() in _SIGNATURE_PROTOCOLS for protocol in protocols)
    refused: Modifier | None = None
    if protocol_required and not is_protocol_known:
        refused = Modifier.UNSUPPORTED_FORMAT
    elif micalg_required and names and not known:
        refused = Modifier.UNSUPPORTED_MIC_ALGORITHMS
    return ReceiptRequest(
        # A MIC algorithm without a protocol: there is one protocol, so that can only mean it.
        is_signed=is_protocol_known or (not protocols and bool(names)),
        digests=tuple(digest for digest, _ in known),
        names=tuple(name for _, name in known),
        refusal=refused,
    )


def _options(text: str) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """Each option with whether it is `required`, and its values. The importance may be missing."""
    options = {}
    for option in text.replace('"', "").split(";"):
        name, _, values_text = option.partition("=")
        values = [value.strip() for value in values_text.split(",") if value.strip()]
        importance = values[0].lower() if values else ""
        if importance in ("required", "optional"):
            del values[0]
        options[name.strip().lower()] = (importance == "required", tuple(values))
    return options
