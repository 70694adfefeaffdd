"""The downstream API as one application.

Owns which operations there are and where the OpenAPI document is. Must not know which port it is served on.
"""

import json
from functools import cache

from aiohttp import web

from gateway.api.deliveries import delivery_operations
from gateway.api.documents import document_operations
from gateway.api.openapi import openapi_document
from gateway.api.operations import Operation, application
from gateway.api.tokens import Tokens
from gateway.pipeline.deliver import Deliveries
from gateway.pipeline.ports import Ledger

API_PREFIX = "/api/v1"
OPENAPI_PATH = "/openapi.json"


def api_operations(deliveries: Deliveries, ledger: Ledger) -> tuple[Operation, ...]:
    """Every operation, in the order of the OpenAPI document."""
    return (*delivery_operations(deliveries, API_PREFIX), *document_operations(deliveries, ledger))


def add_api(root: web.Application, operations: tuple[Operation, ...], tokens: Tokens, version: str) -> None:
    """Hang the API under its prefix and its description beside it."""

    @cache
    def described() -> bytes:
        # Made when it is first asked for: a start does not wait for it.
        return json.dumps(openapi_document(operations, API_PREFIX, version)).encode()

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=described(), content_type="application/json")

    root.add_subapp(API_PREFIX, application(operations, tokens))
    root.router.add_get(OPENAPI_PATH, openapi)
