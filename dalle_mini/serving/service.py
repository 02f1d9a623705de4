"""All that one server has, put together from its settings."""

import dataclasses
import functools
import math

from dalle_mini.checkpoints.releases import Release, available_releases, find_name, home, spell_out
from dalle_mini.config import suggest
from dalle_mini.config.dtypes import INT8
from dalle_mini.errors import CheckpointError, ConfigError, PromptError
from dalle_mini.int8.library import register
from dalle_mini.serving.callers import Buckets, Keys
from dalle_mini.serving.desk import Desk
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.fleet import LOOKS, Fleet
from dalle_mini.serving.folders import BucketFolders
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.reception import Reception
from dalle_mini.serving.schemas import GenerationRequest, Model
from dalle_mini.serving.settings import Settings
from dalle_mini.serving.shares import Shares, open_shares
from dalle_mini.serving.shelf import is_here, read_defaults
from dalle_mini.serving.store import Store


@dataclasses.dataclass(frozen=True)
class Service:
    """The engine, and what stands between it and the API's callers.

    `model` is the main one, as it was named, and `ranker` the CLIP that was named for it.
    """

    model: str
    ranker: str | None
    settings: Settings
    engine: Reception
    store: Store
    desk: Desk
    shares: Shares
    metrics: Metrics
    keys: Keys
    buckets: Buckets

    def close(self) -> bool:
        """Stop drawing; False where the device is still busy with something that can't be interrupted."""
        stopped = self.engine.close()
        self.store.close()
        self.shares.close()
        return stopped

    def read_order(self, request: GenerationRequest) -> Order:
        """What the API was asked for; ConfigError and PromptError say what can't be drawn."""
        model = self._find_model(request.model)
        defaults = read_defaults(model)
        defaults = dataclasses.replace(defaults, images=min(defaults.images, self.settings.max_images), candidates=None)
        canvas = request.canvas.read() if request.canvas else None
        settings = request.settings(defaults)
        order = Order(model, request.prompt, settings, request.seed, request.way(), canvas, request.animation)
        self.require_bounds(order)
        return order

    def require_bounds(self, order: Order) -> None:
        """PromptError or ConfigError for what is more than this server draws, for whomever."""
        for text in (order.prompt, order.settings.not_this, order.way.morph_to):
            if len(text) > self.settings.max_prompt:
                hint = f"use at most {self.settings.max_prompt:,}"
                raise PromptError(f"the prompt has {len(text):,} characters", hint=hint)
        if order.settings.images > self.settings.max_images:
            hint = f"this server draws at most {self.settings.max_images} at a time"
            raise ConfigError(f"images={order.settings.images} is too many", hint=hint)
        if (order.settings.candidates or 0) > self.settings.max_candidates:
            hint = f"this server draws at most {self.settings.max_candidates} to choose from"
            raise ConfigError(f"candidates={order.settings.candidates} is too many", hint=hint)

    def list_models(self) -> list[Model]:
        """The main model, then every release."""
        return [
            Model(
                name=name,
                description=description,
                here=is_here(place),
                loaded=place in self.engine.loaded,
                defaults=read_defaults(place).to_dict(),
            )
            for name, (place, description) in self._models().items()
        ]

    @property
    def model_name(self) -> str:
        """What callers know the main model by."""
        return next(iter(self._models()))

    def _find_model(self, name: str | None) -> str:
        """What the engine knows a model by. Callers name models of this list only, never a folder or an address."""
        models = self._models()
        name = name or self.model_name
        if name not in models:
            raise ConfigError("there is no model of this name", hint=suggest(name[:100], list(models)))
        place, _ = models[name]
        if not is_here(place):
            raise ConfigError(f"the model {name!r} is not on this server", hint="see /api/v1/models for those that are")
        return place

    def _models(self) -> dict[str, tuple[str, str]]:
        """Names for callers, with what the engine knows the model by and a description."""
        releases = {release.name: (release.name, _describe(release)) for release in available_releases()}
        if self.model in releases:
            return {self.model: releases.pop(self.model), **releases}
        return {find_name(self.model): (self.model, "the model of this server"), **releases}


def build_service(
    model: str, settings: Settings, *, ranker: str | None = None, painter: Painter | None = None
) -> Service:
    """A service that has yet to be started; OutputError where drawings can't be kept, CheckpointError where pictures
    must be looked at and can't be, ConfigError where no engine can be made as the settings say."""
    metrics, safety = Metrics(), settings.safety_options
    if safety.pictures == "on":
        _require_checker()
    store = Store(
        settings.folder,
        keep_seconds=settings.keep_days * 86400,
        max_bytes=settings.store_megabytes * 2**20,
        pictures=BucketFolders(f"{settings.bucket}/pictures") if settings.bucket else None,
    )
    if settings.ray:
        # Folders are looked for on each machine, whatever a process there works in.
        model, ranker = spell_out(model), ranker and spell_out(ranker)
        engine: Reception = build_fleet(model, settings, ranker=ranker, metrics=metrics)
    else:
        engine = build_engine(model, settings, ranker=ranker, painter=painter, metrics=metrics)
    shares = open_shares(settings)
    metrics.watch("store_bytes", "Bytes of kept drawings", store.count_bytes)
    metrics.watch("shared_bytes", "Bytes of shared pages", shares.count_bytes)
    return Service(
        model=model,
        ranker=ranker,
        settings=settings,
        engine=engine,
        store=store,
        desk=Desk(engine, store),
        shares=shares,
        metrics=metrics,
        keys=Keys(settings.api_keys),
        buckets=Buckets(
            settings.orders_per_minute,
            settings.orders_at_once,
            most_in_line=settings.held,
            patience=settings.patience_seconds,
        ),
    )


def build_engine(
    model: str,
    settings: Settings,
    *,
    ranker: str | None = None,
    painter: Painter | None = None,
    metrics: Metrics | None = None,
) -> Engine:
    """An engine that draws on this process's device; ConfigError where it can't have the numbers it should have."""
    if settings.dtype == INT8:
        register()
    safety, metrics = settings.safety_options, metrics or Metrics()
    return Engine(
        painter
        or Painter(model, ranker=ranker, dtype=settings.dtype, safety=safety, public=settings.public, metrics=metrics),
        limits=_find_limits(settings),
        safety=safety,
        metrics=metrics,
    )


def build_fleet(model: str, settings: Settings, *, ranker: str | None, metrics: Metrics) -> Fleet:
    """A fleet whose replicas draw by Ray Serve, each with an engine of the same settings."""
    from dalle_mini.serving.ray_replicas import Bounds, RayReplicas

    least, most = settings.replica_bounds
    # While some are drawn at once, as many wait beside them.
    each = 2 * settings.at_once
    limits = dataclasses.replace(_find_limits(settings), at_once=most * each)
    # The front has the limits, and the keys. What it has sent is drawn.
    theirs = dataclasses.replace(
        settings, api_keys=(), queue_size=each + LOOKS, per_client=each + LOOKS, patience_seconds=math.inf
    )
    replicas = RayReplicas(
        functools.partial(build_engine, model, theirs, ranker=ranker),
        Bounds(least, most, each, settings.at_once),
        address=settings.ray_address,
        hang_seconds=settings.step_seconds,
        drain_seconds=settings.drain_seconds,
    )
    return Fleet(replicas, model, each=each, limits=limits, safety=settings.safety_options, metrics=metrics)


def _find_limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        waiting=settings.queue_size,
        per_client=settings.per_client,
        held=settings.held,
        patience=settings.patience_seconds,
        step_seconds=settings.step_seconds,
        load_seconds=settings.load_seconds,
        at_once=settings.at_once,
    )


def _describe(release: Release) -> str:
    """A release's description, without the folder of one that somebody put there."""
    return "kept on this server" if str(home()) in release.description else release.description


def _require_checker() -> None:
    """Load what looks at pictures now, while a server that lacks it can still refuse to start."""
    from dalle_mini.safety.pictures import load_bundled

    try:
        load_bundled()
    except CheckpointError as error:
        hint = "install dalle-mini anew, or show pictures that nobody looked at with --pictures off"
        raise CheckpointError(f"pictures can't be checked: {error}", hint=hint) from error
