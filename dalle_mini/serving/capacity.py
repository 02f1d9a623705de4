"""How many devices a crowd needs, and how long it waits for them.

Drawings of one kind take equally long, and strangers order independently of one another: a queue M/D/c in Kendall's
notation. Every device has an engine of its own, and a balancer deals orders to them in turn; where drawings take
equally long, nobody then waits longer than in one line for all devices, of which the formula speaks. Clients' turns
change who waits, not how long all wait.
"""

import bisect
import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from dalle_mini.arrays import Float
from dalle_mini.errors import ConfigError
from dalle_mini.serving.painter import PREVIEW_SHARE

BUSIEST = 0.95
"""Devices are never planned busier than this: a slightly larger crowd would wait without end."""

MOST_DEVICES = 100_000
_SURE = 1e-9


@dataclasses.dataclass(frozen=True)
class Device:
    """Something that draws, by the seconds of a drawing of nine pictures without previews, and who measured them."""

    seconds: float
    source: str


DEVICES = {
    "nano-2-cores": Device(0.95, "README.md: the bundled model on two cores of a server (Intel Xeon)"),
    "mini-2-cores": Device(44.8, "docs/performance.md: mini in float32 on two cores of a server (Intel Xeon)"),
    "mega-t4": Device(55.0, "github.com/kuprel/min-dalle, README: by that program on an NVIDIA T4"),
    "mega-p100": Device(33.0, "github.com/kuprel/min-dalle, README: by that program on an NVIDIA P100"),
    "mega-a10g": Device(15.0, "github.com/kuprel/min-dalle, README: by that program on an NVIDIA A10G"),
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """Devices for `rate` drawings a second, each of `seconds`; how busy they are, and what half of all drawings and
    nineteen of twenty wait at most, in seconds, before they are begun."""

    rate: float
    seconds: float
    devices: int
    busy: float
    wait_p50: float
    wait_p95: float


def with_previews(seconds: float) -> float:
    """Seconds of a drawing that is shown while it is made."""
    return seconds * (1 + PREVIEW_SHARE)


def plan(rate: float, seconds: float, *, wait: float) -> Plan:
    """The fewest devices with which nineteen of twenty drawings begin within `wait` seconds, at `rate` a second.

    ConfigError where that takes more than MOST_DEVICES.
    """
    if not math.isfinite(rate * seconds) or rate * seconds > BUSIEST * MOST_DEVICES:
        found = f"{rate:,.0f} drawings a second need more than {MOST_DEVICES:,} devices"
        raise ConfigError(found, hint="plan for fewer, or for a faster device")
    fewest = max(1, math.ceil(rate * seconds / BUSIEST))
    # More than so many make the wait of a few among many thousands short; the answer lies between.
    most = fewest + math.ceil(8 * math.sqrt(fewest)) + 8
    devices = fewest + bisect.bisect_left(
        range(fewest, most), True, key=lambda devices: find_waits(rate, seconds, devices).wait_p95 <= wait
    )
    return find_waits(rate, seconds, devices)


def find_waits(rate: float, seconds: float, devices: int) -> Plan:
    """What `devices` make of `rate` drawings a second; ConfigError where they can't keep up."""
    busy = rate * seconds / devices
    if busy >= 1:
        raise ConfigError(
            f"{devices} devices draw {devices / seconds:.3g} a second, and {rate:.3g} are ordered",
            hint=f"plan for at least {math.ceil(rate * seconds / BUSIEST)} devices",
        )
    waiting = np.cumsum(_count_waiting(rate * seconds, devices))
    begun_within = functools.partial(_begun_within, waiting=waiting, rate=rate, seconds=seconds, devices=devices)
    return Plan(rate, seconds, devices, busy, *(_find_wait(begun_within, seconds, share) for share in (0.5, 0.95)))


def _count_waiting(offered: float, devices: int) -> Float[np.ndarray, "lengths"]:
    """Probabilities that 0, 1, 2, … drawings wait, in the long run.

    Within the time of one drawing, whatever is drawn is finished, as many as there are devices are begun, and new ones
    arrive by Poisson's law: that step is repeated until it changes nothing (Crommelin 1932).
    """
    arrivals = _poisson(offered)
    # The line's length falls off geometrically; by this rate or faster (Kingman's bound).
    slack = 2 * (devices - offered) / devices
    size = devices + math.ceil(-math.log(_SURE) / slack)
    width = 2 ** math.ceil(math.log2(size + len(arrivals)))
    spectrum = np.fft.rfft(arrivals, width)
    lengths = np.zeros(size)
    lengths[0] = 1
    while True:
        present = np.fft.irfft(np.fft.rfft(lengths, width) * spectrum, width)
        later = present[devices : devices + size].copy()
        later.resize(size)
        later[0] += present[:devices].sum()
        later /= later.sum()
        if np.abs(later - lengths).sum() < _SURE:
            return later
        lengths = later


def _begun_within(
    wait: float, *, waiting: Float[np.ndarray, "lengths"], rate: float, seconds: float, devices: int
) -> float:
    """The probability that a drawing is begun within `wait`; `waiting` is that of at most 0, 1, 2, … that wait.

    With k the drawings that a device begins until then: it is so where those who wait, and those who come in what is
    left of k drawings' time, are fewer than all devices begin (Franx 2001).
    """
    rounds = math.floor(wait / seconds) + 1
    places = rounds * devices
    coming = _poisson(rate * (rounds * seconds - wait))[:places]
    left = places - 1 - np.arange(len(coming))
    return float(coming @ waiting[np.minimum(left, len(waiting) - 1)])


def _find_wait(begun_within: Callable[[float], float], seconds: float, share: float) -> float:
    """The least wait within which this `share` of drawings is begun, to a thousandth of a drawing."""
    if begun_within(0.0) >= share:
        return 0.0
    low, high = 0.0, seconds
    while begun_within(high) < share:
        low, high = high, 2 * high
    while high - low > seconds / 1000:
        middle = (low + high) / 2
        low, high = (low, middle) if begun_within(middle) >= share else (middle, high)
    return high


def _poisson(mean: float) -> Float[np.ndarray, "counts"]:
    """Probabilities of 0, 1, 2, … where so many are expected, up to where they vanish."""
    if not mean:
        return np.ones(1)
    counts = np.arange(math.ceil(mean + 12 * math.sqrt(mean) + 30))
    logs = counts * math.log(mean) - mean - np.cumsum(np.log(np.maximum(counts, 1)))
    return np.exp(logs)
