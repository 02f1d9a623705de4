"""Does anything that is sent to the API break it?

    python benchmarks/fuzz.py [--requests N] [--seed N]

Sends what tests/property/test_any_request.py thinks of (bodies, headers, ids, paths, queries) to the ASGI application
in this process, which draws with a tiny model. Prints one line of JSON: answers by status, and what must be 0:
`server_errors`, `tracebacks`, answers of another shape than promised (`misshapen`), and tickets without an end
(`lost_tickets`). The exit status is 1 where one of these is not.
"""

import argparse
import collections
import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from starlette.testclient import TestClient

from dalle_mini.serving.app import build_api, guard
from dalle_mini.serving.service import Service, build_service
from dalle_mini.serving.settings import Settings

ROOT = Path(__file__).parents[1]
AT_ONCE = 50
"""Requests of an example: a service that has been spoken to is another one than a fresh one."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000, help="requests to send (default: 100,000)")
    parser.add_argument("--seed", type=int, default=0, help="other requests for another number (default: 0)")
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "property")]
    from doubles import make_tiny_model

    with tempfile.TemporaryDirectory() as folder, without_log():
        model = str(make_tiny_model(Path(folder) / "tiny"))
        settings = Settings(
            store=f"{folder}/store",
            store_megabytes=64,
            queue_size=4,
            per_client=4,
            max_images=2,
            orders_at_once=10**6,
        )
        service = build_service(model, settings)
        service.engine.start()
        found = send_all(service, options.requests, options.seed)
        lost = 0 if service.engine.drain(120) else service.engine.count_open()
        is_at_rest = service.close()
    found |= {"lost_tickets": lost}
    print(json.dumps({"benchmark": "fuzz", "requests": options.requests, "seed": options.seed, **found}), flush=True)
    status = int(any(found[name] for name in ("server_errors", "tracebacks", "misshapen", "lost_tickets")))
    if not is_at_rest:
        # The device is compiling, and the interpreter would crash as it closes.
        os._exit(status)
    return status


@contextlib.contextmanager
def without_log() -> Generator[None]:
    """Leave out the lines that every request would write."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def send_all(service: Service, count: int, number: int) -> dict[str, Any]:
    """What became of so many requests."""
    from any_requests import Request, batches, describe_fault

    client = TestClient(guard(build_api(service), service), raise_server_exceptions=False)
    statuses: collections.Counter[int] = collections.Counter()
    faults: collections.Counter[str] = collections.Counter(server_errors=0, tracebacks=0, misshapen=0)
    slowest, started = 0.0, time.perf_counter()

    @seed(number)
    @settings(
        deadline=None,
        max_examples=-(-count // AT_ONCE),
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(batches(AT_ONCE))
    def send(requests: list[Request]) -> None:
        nonlocal slowest
        while requests:
            request = requests.pop(0)
            began = time.perf_counter()
            answer = request.send(client)
            slowest = max(slowest, time.perf_counter() - began)
            statuses[answer.status_code] += 1
            if "/generations/" in answer.headers.get("location", ""):
                requests.append(Request("GET", answer.headers["location"], {}))
            if fault := describe_fault(answer):
                faults[fault] += 1
                print(f"{fault}: {request} {answer.status_code} {answer.text[:300]}", file=sys.stderr)

    send()
    seconds = time.perf_counter() - started
    return {
        "sent": statuses.total(),
        "statuses": {str(status): statuses[status] for status in sorted(statuses)},
        **faults,
        "slowest_seconds": round(slowest, 3),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
