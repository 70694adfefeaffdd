"""What the command line asks of a running server, over a Unix socket that only its own user can open.

Owns the paths and their JSON. Must not know how anything is reloaded. The socket's file mode is the authentication.
"""

import json
import os
import socket
from collections.abc import AsyncIterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from aiohttp import web

from gateway.api.operations import problems_as_documents
from gateway.api.problem import ProblemError

SOCKET_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a definition file; `line` is 0 where the whole file is meant."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload took over: partners in force now, and the faults that kept the rest out."""

    partners: tuple[str, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class FileToSend:
    """What an operator sends: to whom, over which relationship (empty: the only one), as what, and who it is."""

    partner: str
    relationship: str
    filename: str
    content_type: str
    actor: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why a file is not on its way; a sentence for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class HoldWanted:
    """A legal hold on one message (`subject`) or on all of a partner's; one of them is None."""

    subject: UUID | None
    partner: str | None
    reason: str
    actor: str


class Commands(Protocol):
    """What the server does when asked."""

    async def reload(self) -> Reloaded:
        """Take over partners, tokens and certificates."""
        ...

    async def resubmit(self, id_: UUID, actor: str) -> bool:
        """Whether a message, or one of ours, was stuck and is due again."""
        ...

    async def send(self, file: FileToSend, body: AsyncIterable[bytes]) -> UUID | NotSent:
        """The id of the message of ours."""
        ...

    async def hold(self, wanted: HoldWanted) -> UUID | None:
        """The id of the hold, None where there is no such message."""
        ...

    async def release(self, hold: UUID, actor: str) -> bool:
        """Whether the hold was in force."""
        ...

    async def expire(self, actor: str) -> list[dict[str, str | int]]:
        """Destroy the keys of what may go: the segments, and how many bodies of each stay."""
        ...


def administration_application(commands: Commands) -> web.Application:
    """The application behind the socket."""
    made = web.Application(middlewares=[problems_as_documents], client_max_size=4096)

    async def reload(_request: web.Request) -> web.Response:
        return _json(asdict(await commands.reload()))

    async def resubmit(request: web.Request) -> web.Response:
        instance = _id(request.match_info["instance"])
        if not await commands.resubmit(instance, _actor(request)):
            raise ProblemError(409, "not-stuck", "Nothing to resubmit", "It is neither failed nor held, nor overdue.")
        return _json({"instance": str(instance), "state": "waiting"})

    async def send(request: web.Request) -> web.Response:
        query = request.query
        file = FileToSend(
            partner=request.match_info["partner"],
            relationship=query.get("relationship", ""),
            filename=query.get("filename", ""),
            content_type=query.get("content_type", ""),
            actor=_actor(request),
        )
        sent = await commands.send(file, request.content.iter_any())
        if isinstance(sent, NotSent):
            raise ProblemError(409, "not-sent", "Nothing was sent", sent.reason)
        return _json({"id": str(sent)})

    async def hold(request: web.Request) -> web.Response:
        query = request.query
        subject = _id(query["subject"]) if "subject" in query else None
        wanted = HoldWanted(subject, query.get("partner"), query.get("reason", "")[:500], _actor(request))
        placed = await commands.hold(wanted)
        if placed is None:
            raise ProblemError(404, "not-found", "No such message", "Give the id that `messages` shows.")
        return _json({"id": str(placed)})

    async def release(request: web.Request) -> web.Response:
        released = _id(request.match_info["hold"])
        if not await commands.release(released, _actor(request)):
            raise ProblemError(404, "not-found", "No such hold", "See `gateway archive holds`.")
        return _json({"id": str(released)})

    async def expire(request: web.Request) -> web.Response:
        return _json({"segments": await commands.expire(_actor(request))})

    made.router.add_post("/holds", hold)
    made.router.add_post("/holds/{hold}/release", release)
    made.router.add_post("/retention", expire)
    made.router.add_post("/reload", reload)
    made.router.add_post("/partners/{partner}/send", send)
    made.router.add_post("/instances/{instance}/resubmit", resubmit)
    return made


def _actor(request: web.Request) -> str:
    return request.query.get("actor", "local")[:64]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ProblemError(404, "not-found", "No such message", "Give the id that `messages` shows.") from None


def bound_socket(path: Path) -> socket.socket:
    """A Unix socket at `path` that only this user can open. Raises OSError, also where a server is already there."""
    if path.exists():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(f"another server is running: {path} answers")
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


def _json(document: object) -> web.Response:
    return web.Response(body=json.dumps(document).encode(), content_type="application/json")
