"""How many drawings a minute does a server make, and how long does a client wait for one?

    python benchmarks/serve.py [--model NAME] [--images N] [--clients 1,2,4,8,16] [--drawings N]

Serves the API on a port of its own; every client orders one drawing after the other and waits for it. Prints one line
of JSON for every number of clients. `device_share` is the part of the time that drawing took, the rest is the service's
own: encoding and keeping pictures, HTTP, and this program's clients.
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=folder, queue_size=1000, per_client=1000, orders_per_minute=1e6, orders_at_once=10**6)
        service = build_service(options.model, settings)
        service.engine.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(guard(build_api(service), service), log_config=None))
            threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            for clients in map(int, options.clients.split(",")):
                print(json.dumps(measure(service, address, clients, options)), flush=True)
            server.should_exit = True
        service.close()


def measure(service: Service, address: str, clients: int, options: argparse.Namespace) -> dict[str, object]:
    order(address, options.images, 0)  # compiles and warms up
    seeds = itertools.count(1)
    drawn_before, started = read_drawing_seconds(service), time.perf_counter()

    def work(_: int) -> list[float]:
        return [order(address, options.images, next(seeds)) for _ in range(options.drawings)]

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        waits = list(itertools.chain.from_iterable(pool.map(work, range(clients))))
    seconds = time.perf_counter() - started
    return {
        "benchmark": "serve",
        "model": options.model,
        "images": options.images,
        "clients": clients,
        "drawings": len(waits),
        "drawings_a_minute": round(60 * len(waits) / seconds, 2),
        "p50_seconds": round(statistics.median(waits), 3),
        "p95_seconds": round(statistics.quantiles(waits, n=20, method="inclusive")[-1], 3),
        "device_share": round((read_drawing_seconds(service) - drawn_before) / seconds, 3),
        "machine": describe_machine(),
    }


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


def read_drawing_seconds(service: Service) -> float:
    """What drawing took, of all drawings so far."""
    name = "dalle_mini_drawing_seconds_sum "
    lines = service.metrics.render().decode().splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
