"""What one operation of the API is: route, models, answer; and the aiohttp handlers made from it.

Owns reading and checking a JSON body and writing the answer. Must not know any single operation. The same descriptions
make the OpenAPI document, so that it cannot differ from what runs.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.api.problem import ProblemError
from gateway.api.tokens import Subscriber, Tokens

# Every JSON body of this API is a handful of numbers and names.
JSON_BODY_SIZE_MAXIMUM_BYTES = 64 << 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation: who, the path's parameters, the checked body (None where it takes none)."""

    subscriber: Subscriber
    path: dict[str, str]
    body: Any
    request: web.Request


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `run` gives a model of type `answer`, or a finished response where `answer_type` is not JSON."""

    method: str
    path: str
    name: str
    summary: str
    run: Callable[[Call], Awaitable[BaseModel | web.StreamResponse | None]]
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    answer_type: str = "application/json"
    status: int = 200
    problems: dict[int, str] = field(default_factory=dict)


def application(operations: tuple[Operation, ...], tokens: Tokens) -> web.Application:
    """The operations as an application, each behind a token."""
    made = web.Application(middlewares=[problems_as_documents])
    for operation in operations:
        made.router.add_route(operation.method, operation.path, _handler(operation, tokens))
    return made


def _handler(operation: Operation, tokens: Tokens) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        subscriber = tokens.subscriber(request)
        body = await _body(request, operation.body) if operation.body is not None else None
        answer = await operation.run(Call(subscriber, dict(request.match_info), body, request))
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=operation.status)
        return web.Response(
            status=operation.status, body=answer.model_dump_json().encode(), content_type="application/json"
        )

    return handle


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate_json(await _text(request) or b"{}")
    except ValidationError as error:
        raise ProblemError(422, "invalid-request", "Invalid request", _faults(error)) from None


async def _text(request: web.Request) -> bytes:
    """The body. The library's own limit is that of the root application, which takes interchanges."""
    text = bytearray()
    async for chunk in request.content.iter_any():
        text += chunk
        if len(text) > JSON_BODY_SIZE_MAXIMUM_BYTES:
            raise ProblemError(413, "too-large", "Body too large", f"At most {JSON_BODY_SIZE_MAXIMUM_BYTES} bytes.")
    return bytes(text)


def _faults(error: ValidationError) -> str:
    """Places and reasons, without the values that were sent."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:10])


@web.middleware
async def problems_as_documents(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn whatever ends a request early into a problem document; log faults of ours by kind and place alone."""
    try:
        return await handler(request)
    except ProblemError as error:
        return error.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _library_problem(error)
    except (TimeoutError, ConnectionError) as error:
        log.warning("api.aborted", route=_route(request), error=type(error).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun and cannot be taken back") from None
        return ProblemError(503, "unavailable", "Not available", "Try again.", retry_after_s=2).response()
    except Exception as error:  # noqa: BLE001 - the last line of defence: a client gets a clear answer
        log.error("api.fault", route=_route(request), error=type(error).__name__, at=fault_place(error))  # noqa: TRY400
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun and cannot be taken back") from None
        return ProblemError(500, "fault", "Fault of the gateway", "It is logged; an operator can see where.").response()


def fault_place(error: BaseException) -> str:
    """`file:line` where an exception was raised: enough to mend it, and never a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace is not None else ""


def _library_problem(error: web.HTTPException) -> web.Response:
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(error.status, "invalid-request")
    response = ProblemError(error.status, code, error.reason, "See /openapi.json for what there is.").response()
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _route(request: web.Request) -> str:
    """The route's pattern, not the path that came: a path may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
