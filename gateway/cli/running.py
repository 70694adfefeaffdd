"""The running server: from its start until it is told to stop.

Owns the loop, its signals and the words at start and end. Must not know options, nor what a gateway is made of.
"""

import asyncio
import gc
import ipaddress
import signal
from typing import Any

import structlog
import uvloop

from gateway.bootstrap.gateway import Gateway
from gateway.definitions.settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> bool:
    """Run; False where a store failed and the process must be started anew. Raises StartError."""
    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> bool:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_without_content)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = await Gateway.open(settings)
    gc.enable()
    reloads: set[asyncio.Task[Any]] = set()

    def reload() -> None:
        task = asyncio.ensure_future(gateway.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    log.info(
        "serve.ready",
        https=f"https://{settings.https.host}:{gateway.https_port}/exchange",
        operators=f"http://{settings.console.host}:{gateway.operators_port}",
        partners=len(gateway.partners.files),
        faults=len(gateway.partners.faults),
    )
    if not _is_loopback(settings.console.host):
        log.warning("serve.operators_port_is_open", host=settings.console.host)
    try:
        return await _until_ended(gateway, stop)
    finally:
        log.info("serve.stopping")
        await gateway.stop()
        log.info("serve.stopped")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _until_ended(gateway: Gateway, stop: asyncio.Event) -> bool:
    stopped = asyncio.ensure_future(stop.wait())
    failed = asyncio.ensure_future(gateway.failed())
    await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
    is_well = not failed.done()
    for task in (stopped, failed):
        task.cancel()
    if not is_well:
        log.error("serve.store_failed")
    return is_well


def _log_without_content(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The default handler prints tracebacks, whose texts may quote a message."""
    error = context.get("exception")
    if isinstance(error, OSError):
        # ssl.SSLError is one too: a stranger's failed handshake is no fault of ours and must not fill the log.
        log.debug("serve.connection_failed", error=type(error).__name__)
    else:
        log.error("serve.task_failed", error=type(error).__name__ if error is not None else "")
