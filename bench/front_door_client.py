"""Sends small interchanges over HTTPS from many connections at once and prints what it saw as one JSON line.

Runs as a process of its own, so that its CPU is not the server's. Speaks HTTP/1.1 by hand: a client library costs more
than the server.
"""

import argparse
import asyncio
import base64
import itertools
import json
import ssl
import time

import uvloop

SIZE_BYTES = 2048


def interchange(number: int) -> bytes:
    """One 270 of 2 KB with its own control number; the filling is REF segments, as acceptance does not look inside."""
    head = (
        f"ISA*00*          *00*          *ZZ*BENCHSENDER    *ZZ*HARBORGATE     *260105*0930*^*00501*{number:09d}*0*T*:~"
        f"GS*HS*BENCHSENDER*HARBORGATE*20260105*0930*{number}*X*005010X279A1~ST*270*0001*005010X279A1~"
        f"BHT*0022*13*{number:09d}*20260105*0930~"
    )
    tail = f"SE*4*0001~GE*1*{number}~IEA*1*{number:09d}~"
    filling = "REF*EJ*" + "0" * 40 + "~"
    count = (SIZE_BYTES - len(head) - len(tail)) // len(filling)
    body = head + filling * count + tail
    return body.encode().ljust(SIZE_BYTES, b"\n")


async def sender(
    port: int, context: ssl.SSLContext, credentials: str, numbers: "itertools.count[int]", until_s: float
) -> tuple[list[float], int]:
    """One partner's connection; latencies in seconds and the number of answers that were not 202."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    latencies: list[float] = []
    refused = 0
    head = (
        "POST /exchange HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/EDI-X12\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Length: {SIZE_BYTES}\r\n\r\n"
    ).encode()
    while time.perf_counter() < until_s:
        body = interchange(next(numbers))
        began_s = time.perf_counter()
        writer.write(head + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - began_s)
        refused += not answer.startswith(b"HTTP/1.1 202 ")
    writer.close()
    return latencies, refused


async def run(arguments: argparse.Namespace) -> None:
    """All senders for the given time."""
    context = ssl.create_default_context(cafile=arguments.authority)
    credentials = base64.b64encode(arguments.credentials.encode()).decode()
    numbers = itertools.count(arguments.first)
    until_s = time.perf_counter() + arguments.seconds
    began_s = time.perf_counter()
    results = await asyncio.gather(
        *[sender(arguments.port, context, credentials, numbers, until_s) for _ in range(arguments.senders)]
    )
    elapsed_s = time.perf_counter() - began_s
    latencies = sorted(itertools.chain.from_iterable(result[0] for result in results))
    print(
        json.dumps(
            {
                "count": len(latencies),
                "refused": sum(result[1] for result in results),
                "seconds": elapsed_s,
                "p50_ms": latencies[len(latencies) // 2] * 1e3,
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
            }
        )
    )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--credentials", required=True)
    parser.add_argument("--senders", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--first", type=int, default=1)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
