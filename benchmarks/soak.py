"""Does a server grow while it works?

    python benchmarks/soak.py [--minutes N] [--clients N] [--model NAME] [--every SECONDS]

Starts `python app.py` and keeps it busy: clients order drawings, wait, watch their previews, fetch pictures, delete or
cancel, and load the page. Every so many seconds the server's resident memory is read. Prints one line of JSON with the
samples in MB, what they grow by in an hour (`slope_mb_per_hour`, least squares over the second half, when everything is
compiled and every cache has been used), and how the orders ended. The exit status is 1 where an order failed.
"""

import argparse
import collections
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from dalle_mini.cli.machine import describe_machine

ROOT = Path(__file__).parents[1]
GENERATIONS = "/api/v1/generations"
PROMPTS = "a red car at the beach", "a kangaroo made of cheese", "two dogs in the snow", "an owl in the woods at night"
PATIENCE = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--clients", type=int, default=6, help="clients at once (default: 6)")
    parser.add_argument("--model", default="nano", help="what `dalle-mini serve --model` takes")
    parser.add_argument("--every", type=float, default=10, help="seconds between samples (default: 10)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server, address = start_server(options.model, folder)
        try:
            record = soak(server.pid, address, options)
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(PATIENCE)
    print(json.dumps(record | {"exit_status": status, "machine": describe_machine()}))
    return int(bool(record["failed"] or status))


def start_server(model: str, folder: str) -> tuple[subprocess.Popen[str], str]:
    """A server with nothing of anybody's, and its address."""
    limits = {"ORDERS_PER_MINUTE": "1000000", "ORDERS_AT_ONCE": "1000000", "QUEUE_SIZE": "64", "STORE_MEGABYTES": "20"}
    environment = {f"DALLE_MINI_{name}": value for name, value in limits.items()}
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", "0", "--model", model],
        cwd=ROOT,
        env={**os.environ, "DALLE_MINI_STORE": folder, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    found = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))
    return server, found[0]


def soak(pid: int, address: str, options: argparse.Namespace) -> dict[str, object]:
    ends: collections.Counter[str] = collections.Counter()
    deadline = time.monotonic() + 60 * options.minutes
    clients = [
        threading.Thread(target=visit, args=(address, number, deadline, ends)) for number in range(options.clients)
    ]
    for client in clients:
        client.start()
    started, samples = time.monotonic(), []
    while time.monotonic() < deadline:
        samples.append((time.monotonic() - started, read_megabytes(pid)))
        time.sleep(options.every)
    for client in clients:
        client.join(PATIENCE)
    seconds, megabytes = zip(*samples[len(samples) // 2 :], strict=True)
    slope = statistics.linear_regression(seconds, megabytes).slope if len(seconds) > 1 else 0.0
    return {
        "benchmark": "soak",
        "model": options.model,
        "minutes": options.minutes,
        "clients": options.clients,
        "ends": dict(ends),
        "failed": ends["failed"],
        "megabytes": [round(value, 1) for _, value in samples],
        "slope_mb_per_hour": round(3600 * slope, 1),
    }


def visit(address: str, number: int, deadline: float, ends: collections.Counter[str]) -> None:
    """One client, who does one thing after the other until the end."""
    chance = random.Random(number)
    deeds = [wait_for_pictures, watch_previews, cancel_soon, look_at_page]
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        while time.monotonic() < deadline:
            deed = chance.choices(deeds, weights=(5, 3, 1, 1))[0]
            try:
                ends[deed(client, chance)] += 1
            except (httpx.HTTPError, KeyError, ValueError) as error:
                ends["failed"] += 1
                print(f"{deed.__name__}: {error!r}", file=sys.stderr)


def order(client: httpx.Client, chance: random.Random, wait: int = 0) -> dict:
    body = {
        "prompt": chance.choice(PROMPTS),
        "images": chance.choice((1, 4, 9)),
        "temperature": chance.uniform(0.5, 1.5),
    }
    return client.post(GENERATIONS, params={"wait": wait}, json=body).raise_for_status().json()


def wait_for_pictures(client: httpx.Client, chance: random.Random) -> str:
    drawing = order(client, chance, wait=120)
    while drawing["state"] not in ("finished", "failed"):
        time.sleep(1)
        drawing = drawing | client.get(drawing["location"]).raise_for_status().json()
    if drawing["state"] == "failed":
        return "failed"
    for name in ("png", "webp"):
        client.get(drawing["result"][name]).raise_for_status()
    if chance.random() < 0.5:
        client.delete(drawing["location"], headers={"Delete-Token": drawing["delete_token"]}).raise_for_status()
    return "finished"


def watch_previews(client: httpx.Client, chance: random.Random) -> str:
    drawing = order(client, chance)
    with client.stream("GET", drawing["events"]) as events:
        names = [line.partition(": ")[2] for line in events.iter_lines() if line.startswith("event: ")]
    return f"watched until {names[-1]}"


def cancel_soon(client: httpx.Client, chance: random.Random) -> str:
    drawing = order(client, chance)
    time.sleep(chance.uniform(0, 2))
    answer = client.delete(drawing["location"], headers={"Delete-Token": drawing["delete_token"]})
    return "cancelled" if answer.status_code == 204 else "failed"


def look_at_page(client: httpx.Client, chance: random.Random) -> str:
    client.get("/").raise_for_status()
    client.get("/metrics").raise_for_status()
    return "looked at the page"


def read_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout) / 1024


if __name__ == "__main__":
    sys.exit(main())
