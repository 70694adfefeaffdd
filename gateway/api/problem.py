"""Problem documents (RFC 9457) of the downstream API.

Owns their form, which is part of the OpenAPI document. Must not know why a request fails.
"""

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong and what to do next."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="A URN that stays the same for the same kind of problem.")
    title: str
    status: int
    detail: str


class ProblemError(Exception):
    """Raised where a request ends in a problem document."""

    def __init__(self, status: int, code: str, title: str, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(code)
        self.problem = Problem(type=f"urn:gateway:problem:{code}", title=title, status=status, detail=detail)
        self.retry_after_s = retry_after_s

    def response(self) -> web.Response:
        """The HTTP answer."""
        response = web.Response(
            status=self.problem.status, body=self.problem.model_dump_json().encode(), content_type=PROBLEM_TYPE
        )
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.problem.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
        return response
