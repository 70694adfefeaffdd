"""What counts as the address of a web server in a definition, and which machine it means.

Owns the checks that can be made without asking anybody. Must not know what the address is for.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

_PORTS = {"https": 443, "http": 80}


def web_address(text: str) -> str:
    """`text`, or ValueError where it is no URL that can be posted to."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is no URL: it holds blanks or what is not ASCII")
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise ValueError("is no URL of the form https://host:port/path")
    if parts.username is not None or parts.fragment:
        raise ValueError("is no URL to post to: it names a user or a fragment")
    return text


def host_and_port(text: str) -> tuple[str, int]:
    """Host in small letters and port of a URL that `web_address` let pass."""
    parts = urlsplit(text)
    return parts.hostname or "", _port(parts)


def is_protected(text: str) -> bool:
    """Whether what is sent to the URL can be read by nobody else: HTTPS, or this machine itself."""
    parts = urlsplit(text)
    return parts.scheme == "https" or _is_loopback(parts.hostname or "")


def socket_address(text: str) -> tuple[str, int]:
    """`host:port`, `[address]:port` for IPv6; ValueError where it is something else."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port, parts = None, SplitResult("", "", "", "", "")
    if not port or not parts.hostname or parts.netloc != text or parts.username is not None:
        raise ValueError(f"{text} is not written as host:port")
    return parts.hostname, port


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
