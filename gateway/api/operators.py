"""Health and metrics, for the operators' port.

Owns the three paths. Must not know what is checked or counted: both are given. Nothing here needs a token, because the
port is a loopback one and none of it tells about a message.
"""

import json
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.api.operations import problems_as_documents

Checks = Callable[[], Mapping[str, bool]]


def operators_application(checks: Checks, registry: CollectorRegistry) -> web.Application:
    """`checks` names what must be well for traffic to be taken; it answers at once."""
    made = web.Application(middlewares=[problems_as_documents])

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_request: web.Request) -> web.Response:
        found = dict(checks())
        well = all(found.values())
        document = {"status": "ready" if well else "not ready", "checks": found}
        return web.Response(
            body=json.dumps(document).encode(), status=200 if well else 503, content_type="application/json"
        )

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    made.router.add_get("/health/live", live)
    made.router.add_get("/health/ready", ready)
    made.router.add_get("/metrics", metrics)
    return made
