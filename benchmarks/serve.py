"""How many drawings a minute does a server make, and how long does a client wait for one?

    python benchmarks/serve.py [--model NAME] [--images N] [--clients 1,2,4,8,16] [--drawings N] [--at-once 1,8]

Serves the API on a port of its own; every client orders one drawing after the other and waits for it. Prints one line
of JSON for every number of clients and every number of drawings that the server makes `at_once`, 1 being one by one.
`cpu_seconds` are those of a drawing with all that belongs to it: previews, encoding and keeping pictures, HTTP, and
this program's clients. On a machine that does other things, too, they alone compare.
"""

import argparse
import concurrent.futures
import itertools
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from dalle_mini.cli.machine import describe_machine
from dalle_mini.serving.app import build_api, guard
from dalle_mini.serving.service import Service, build_service
from dalle_mini.serving.settings import Settings

PROMPT = "a red car at the beach"
PATIENCE = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="what `dalle-mini serve --model` takes")
    parser.add_argument("--images", type=int, default=9, help="pictures in a drawing (default: 9)")
    parser.add_argument("--clients", default="1,2,4,8,16", help="numbers of clients, with commas between them")
    parser.add_argument("--drawings", type=int, default=4, help="drawings of each client (default: 4)")
    parser.add_argument("--at-once", default="1,8", help="DALLE_MINI_AT_ONCE of the servers (default: 1,8)")
    options = parser.parse_args()
    for at_once in map(int, options.at_once.split(",")):
        measure_server(at_once, options)


def measure_server(at_once: int, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            store=folder,
            queue_size=1000,
            per_client=1000,
            orders_per_minute=1e6,
            orders_at_once=10**6,
            at_once=at_once,
        )
        service = build_service(options.model, settings)
        service.engine.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(guard(build_api(service), service), log_config=None))
            threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            crowd(address, at_once, options.images, itertools.count())  # compiles and warms up
            for clients in map(int, options.clients.split(",")):
                print(json.dumps(measure(service, address, clients, options)), flush=True)
            server.should_exit = True
        service.close()


def measure(service: Service, address: str, clients: int, options: argparse.Namespace) -> dict[str, object]:
    batches_before, drawn_before = read_batches(service)
    started, started_cpu = time.perf_counter(), time.process_time()
    waits = crowd(address, clients, options.images, itertools.count(1), options.drawings)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
    batches, drawn = read_batches(service)
    return {
        "benchmark": "serve",
        "model": options.model,
        "images": options.images,
        "at_once": service.settings.at_once,
        "clients": clients,
        "drawings": len(waits),
        "drawings_a_minute": round(60 * len(waits) / seconds, 2),
        "p50_seconds": round(statistics.median(waits), 3),
        "p95_seconds": round(statistics.quantiles(waits, n=20, method="inclusive")[-1], 3),
        "cpu_seconds": round(cpu_seconds / len(waits), 3),
        "mean_batch": round((drawn - drawn_before) / (batches - batches_before), 2),
        "machine": describe_machine(),
    }


def crowd(address: str, clients: int, images: int, seeds: Iterator[int], drawings: int = 2) -> list[float]:
    """Seconds of every order of so many clients, who order one drawing after the other."""

    def work(_: int) -> list[float]:
        return [order(address, images, next(seeds)) for _ in range(drawings)]

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return list(itertools.chain.from_iterable(pool.map(work, range(clients))))


def order(address: str, images: int, seed: int) -> float:
    """Seconds from an order to its pictures."""
    started = time.perf_counter()
    body = {"prompt": PROMPT, "images": images, "seed": seed}
    answer = httpx.post(f"{address}/api/v1/generations?wait=120", json=body, timeout=PATIENCE).raise_for_status().json()
    while answer["state"] != "finished":
        assert answer["state"] != "failed", answer
        time.sleep(0.1)
        answer = httpx.get(address + answer["location"], timeout=PATIENCE).raise_for_status().json()
    return time.perf_counter() - started


def read_batches(service: Service) -> tuple[float, float]:
    """How many batches were drawn so far, and of how many drawings."""
    found = dict(line.rpartition(" ")[::2] for line in service.metrics.render().decode().splitlines())
    return float(found["dalle_mini_at_once_count"]), float(found["dalle_mini_at_once_sum"])


if __name__ == "__main__":
    main()
