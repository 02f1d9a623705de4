"""Replicas of Ray Serve (ray.io): on this machine, or wherever a cluster of Ray has room for them.

Ray's own HTTP server and dashboard are left out, and it tells nobody how it is used.
"""

import asyncio
import contextlib
import dataclasses
import functools
import importlib
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from dalle_mini.errors import ConfigError
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.fleet import LOOKS, ReplicaLost, Strength
from dalle_mini.serving.order import Order
from dalle_mini.serving.replica import Replica
from dalle_mini.serving.updates import Failed, Update

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation

APPLICATION = "dalle-mini"
_DEPLOYMENT = "replica"
_SHARED_MEMORY = 256 * 2**20
"""Bytes for what is under way between processes: nine pictures are 2 MB, an animation some 40."""
_CONSTRUCTOR_TRIES = 2
_SECONDS_BETWEEN_CHECKS = 2.0
_SECONDS_TO_KNOCK = 10.0
_LOGGING = {"log_level": "WARNING", "enable_access_log": False}

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How many replicas there may be; orders for one beyond `busy` call for another."""

    least: int
    most: int
    each: int
    busy: int


class RayReplicas:
    """Replicas whose engines `make` makes. ConfigError without Ray, or without the cluster at `address`; "" starts one
    on this machine, which ends with this process."""

    def __init__(
        self,
        make: Callable[[], Engine],
        bounds: Bounds,
        *,
        address: str,
        hang_seconds: float,
        drain_seconds: float,
    ) -> None:
        self._ray = _connect(address, bounds.most)
        self._is_ours = not address
        self._begun = self._failed = self._closed = False
        self._application = self._ray.serve.deployment(
            Replica,
            name=_DEPLOYMENT,
            autoscaling_config={
                "min_replicas": bounds.least,
                "max_replicas": bounds.most,
                "target_ongoing_requests": bounds.busy,
            },
            ray_actor_options=_find_resources(self._ray.cluster_resources()),
            max_ongoing_requests=bounds.each + LOOKS,
            graceful_shutdown_timeout_s=drain_seconds,
            health_check_period_s=_SECONDS_BETWEEN_CHECKS,
            health_check_timeout_s=hang_seconds,
            max_constructor_retry_count=_CONSTRUCTOR_TRIES,
            logging_config=_LOGGING,
        ).bind(make)

    def start(self) -> None:
        threading.Thread(target=self._deploy, name="ray", daemon=True).start()

    def count(self) -> Strength:
        if self._closed or not self._begun:
            return Strength(0, 0)
        application = self._ray.serve.status().applications.get(APPLICATION)
        deployment = application and application.deployments.get(_DEPLOYMENT)
        states = deployment.replica_states if deployment else {}
        ready = states.get("RUNNING", 0)
        return Strength(ready, sum(states.values()), self._failed and not ready)

    @functools.cached_property
    def _handle(self) -> Any:
        """What reaches the replicas, once there are some."""
        return self._ray.serve.get_deployment_handle(_DEPLOYMENT, APPLICATION)

    async def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
        with _losses(self._ray):
            response = self._handle.options(stream=True).draw.remote(order, client)
            try:
                async for update in response:
                    yield update
            finally:
                response.cancel()

    async def look_back(self, drawn: "Generation", position: int) -> "list[Image.Image] | Failed":
        with _losses(self._ray):
            return await self._handle.look_back.remote(drawn, position)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if not self._is_ours:
            self._ray.serve.delete(APPLICATION)
        self._ray.shutdown()

    def _deploy(self) -> None:
        try:
            if not self._is_ours:
                # Replicas of a front that was killed have its settings, and may have another model.
                self._ray.serve.delete(APPLICATION)
            self._begun = True
            self._ray.serve.run(self._application, name=APPLICATION, route_prefix=None)
        except Exception as error:
            self._failed = True
            if not self._closed:
                _logger.error("the replicas can't be started: %s", error)


def _connect(address: str, most: int) -> Any:
    """The module of Ray, in the cluster at an address, or in one of our own that has room for `most` replicas."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray, serve = importlib.import_module("ray"), importlib.import_module("ray.serve")
    except ImportError:
        raise ConfigError("Ray is not installed here", hint="pip install 'dalle-mini[ray]'") from None
    import jax

    # Accelerators are the replicas'; what little is computed here needs none.
    jax.config.update("jax_platforms", "cpu")
    if address:
        options: dict[str, Any] = {"address": address}
        trouble, hint = f"can't join the cluster of Ray at {address}", "`ray status` tells of it where it runs"
    else:
        cpus = max(most, os.cpu_count() or 1)
        options = {"address": "local", "num_cpus": cpus, "object_store_memory": _SHARED_MEMORY}
        options["include_dashboard"] = False
        trouble, hint = "can't start Ray here", "its logs are in /tmp/ray; a very busy machine is too slow for it"
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with _signals_kept():
        try:
            _knock(address)
            ray.init(**options, namespace=APPLICATION, logging_level=logging.WARNING)
        except Exception as error:  # of many kinds, plain ones among them
            raise ConfigError(f"{trouble}: {error}", hint=hint) from error
    serve.start(proxy_location="Disabled", logging_config=_LOGGING)
    return ray


def _knock(address: str) -> None:
    """OSError where nobody listens at an address, HOST:PORT, for which Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), _SECONDS_TO_KNOCK).close()


@contextlib.contextmanager
def _signals_kept() -> Generator[None]:
    """Ray wants SIGTERM for itself, which would lose the drawings that it is to leave time for."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _find_resources(there: Mapping[str, float]) -> dict[str, Any]:
    """What a replica needs to itself of what is `there`: an accelerator, if the cluster has any."""
    if there.get("GPU"):
        return {"num_cpus": 1, "num_gpus": 1}
    return {"num_cpus": 1, "resources": {"TPU": 1}} if there.get("TPU") else {"num_cpus": 1}


@contextlib.contextmanager
def _losses(ray: Any) -> Generator[None]:
    """What becomes of a call whose replica is gone, in one error."""
    try:
        yield
    except asyncio.CancelledError:
        # Ray says the same of a call that its other end gave up.
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        raise ReplicaLost("a replica was stopped") from None
    except (ray.exceptions.RayError, ray.serve.exceptions.RayServeException) as error:
        raise ReplicaLost(str(error).partition("\n")[0]) from None
