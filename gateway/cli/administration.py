"""Asks the running server, over its Unix socket.

Owns the call and what to say when no server is there. Must not know what the server does.
"""

import http.client
import json
import socket
from pathlib import Path
from typing import IO, Any

# A reload compiles definitions anew where they changed.
TIMEOUT_S = 60.0
_CHUNKED = {"Transfer-Encoding": "chunked"}


class NoServerError(Exception):
    """No server answers on the socket."""


class RefusedError(Exception):
    """The server refused; the text says what to do."""


def ask(socket_path: Path, path: str, body: IO[bytes] | None = None) -> Any:
    """POST to the server, streaming `body`; its JSON answer. Raises NoServerError, RefusedError."""
    connection = _UnixConnection(socket_path)
    try:
        connection.request("POST", path, body, encode_chunked=body is not None, headers=_CHUNKED if body else {})
        response = connection.getresponse()
        document = json.loads(response.read())
    except OSError:
        raise NoServerError(f"no server answers on {socket_path}: start one with `gateway serve`") from None
    finally:
        connection.close()
    if response.status != 200:
        raise RefusedError(f"{document['title']}: {document['detail']}")
    return document


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))
