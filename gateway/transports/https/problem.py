"""Problem documents (RFC 9457) for what never became an exchange: authentication, limits, unreadable envelopes.

Owns their form. Must not know why a request fails. Details are our own sentences, never a sender's bytes.
"""

import json
from dataclasses import dataclass, field

from aiohttp import web

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` becomes the problem's type URN: stable, for programs. `detail` is for people: what to do next."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_s: int | None = None
    members: dict[str, str] = field(default_factory=dict)

    def response(self, *, close: bool = False) -> web.Response:
        """The HTTP answer. `close` ends the connection: the rest of the body is not worth reading."""
        document: dict[str, str | int] = {
            "type": f"urn:gateway:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        response = web.Response(status=self.status, body=json.dumps(document).encode(), content_type=PROBLEM_TYPE)
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="exchange", charset="UTF-8"'
        if close:
            response.force_close()
        return response


class ProblemError(Exception):
    """Raised where a request ends in a problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem
