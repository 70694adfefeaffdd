"""The root application of the HTTPS port: partners' resources and whatever is hung beside them.

Owns the last line of defence: every request ends in a clear answer, and no exception text reaches a log or a client.
Must not know any resource.
"""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from gateway.transports.https.problem import Problem, ProblemError
from gateway.transports.https.server import SERVER_NAME

log = structlog.get_logger(__name__)


def root_application() -> web.Application:
    """An empty application that answers problems as documents."""
    root = web.Application(middlewares=[_problems_as_documents])
    root.on_response_prepare.append(_name_no_software)
    return root


async def _name_no_software(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME


@web.middleware
async def _problems_as_documents(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as error:
        # What is left of a refused body is not worth reading.
        unread = request.can_read_body and not request.content.at_eof()
        return error.problem.response(close=unread)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _library_problem(error)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence: a client gets a clear answer
        log.error("https.fault", error=type(error).__name__, at=_fault_place(error))  # noqa: TRY400 - a traceback may quote
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun and cannot be taken back") from None
        return _FAULT.response(close=True)


def _library_problem(error: web.HTTPException) -> web.Response:
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(error.status, "invalid-request")
    response = Problem(error.status, code, error.reason, "Partners post interchanges to /exchange.").response()
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _fault_place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace is not None else ""


_FAULT = Problem(
    500,
    "fault",
    "Fault of the gateway",
    "Nothing was promised. Send the same request again; if it was taken before, it is recognised as a duplicate.",
)
