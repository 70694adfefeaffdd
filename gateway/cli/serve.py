"""`gateway serve`: run until told to stop.

Owns signals, the loop and the words at start. Must not know what a gateway is made of.
"""

import asyncio
import ipaddress
import logging
import signal
import sys
from typing import Annotated, Any

import structlog
import typer
import uvloop

from gateway.bootstrap import Gateway, StartError
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, settings_of
from gateway.cli.logs import configure_logs
from gateway.definitions.settings import Settings

EXIT_FAILED = 1

log = structlog.get_logger(__name__)


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    json_logs: Annotated[
        bool | None, typer.Option("--json-logs/--text-logs", help="One JSON object a line; default where no terminal.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")] = False,
) -> None:
    """Take messages from partners until SIGTERM; SIGHUP reloads partners, tokens and certificates."""
    level = logging.DEBUG if verbose else logging.INFO
    configure_logs(json_lines=not sys.stderr.isatty() if json_logs is None else json_logs, level=level)
    settings = settings_of(config)
    try:
        is_well = uvloop.run(_serve(settings))
    except StartError as error:
        errors.print(f"The gateway cannot start: {error}", markup=False)
        raise typer.Exit(EXIT_FAILED) from None
    if not is_well:
        raise typer.Exit(EXIT_FAILED)


async def _serve(settings: Settings) -> bool:
    """Run; False where a store failed and the process must be started anew."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_without_content)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = await Gateway.open(settings)
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
