"""Paints planned scenes: pure functions of art and plan in JAX, one implementation for accelerators and CPUs.

On an accelerator a batch is painted at once. A CPU paints one scene after another and so only runs the branches that
the scene needs. Both give the same pixels, up to the rounding of the last bit.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Int32, UInt8

from recipes.world.gallery import Art
from recipes.world.paint import Mask, Pixels, made_of, mix, recolor
from recipes.world.plan import LAYERS, Plan
from recipes.world.styles import STYLES, shifted


def compose(art: Art, plan: Plan, styles: tuple[str, ...]) -> UInt8[Array, "size size 3"]:
    """Paint one scene; `styles` names the numbers above 0 in a plan."""
    ground = art.grounds[plan.ground].astype(jnp.float32) / 255

    def paint_next(layer: Array, canvas: tuple[Pixels, Mask]) -> tuple[Pixels, Mask]:
        paint = partial(paint_layer, art, plan, layer)
        return lax.cond(plan.box[layer, 2] > 0, paint, lambda canvas: canvas, canvas)

    empty = jnp.zeros(ground.shape[:2], jnp.float32)
    pixels, things = lax.fori_loop(0, LAYERS, paint_next, (ground, empty))
    if styles:
        painters = [lambda pixels, things: pixels, *(STYLES[name] for name in styles)]
        pixels = lax.switch(plan.style, painters, pixels, things)
    return jnp.round(jnp.clip(pixels, 0, 1) * 255).astype(jnp.uint8)


def paint_layer(art: Art, plan: Plan, layer: Array, canvas: tuple[Pixels, Mask]) -> tuple[Pixels, Mask]:
    """Paint one drawing, its shadow and its halo; the second of the canvas is where things are."""
    pixels, things = canvas
    size = pixels.shape[0]
    rgb, alpha = sample(art, plan.offset[layer], plan.box[layer], plan.mirrored[layer], size)
    unit = size // 64 or 1
    near = [shifted(alpha, dy, dx) for dy in (-unit, 0, unit) for dx in (-unit, 0, unit)]
    looks = (
        lambda rgb: rgb,
        lambda rgb: recolor(rgb, plan.color[layer], plan.tone[layer]) * (1 - 0.3 * rim)[..., None],
        lambda rgb: (
            made_of(rgb, surface(art, plan.material[layer], size), plan.tone[layer]) * (1 - 0.5 * rim)[..., None]
        ),
    )
    rim = jnp.clip(alpha - jnp.stack(near).min(0), 0, 1)
    rgb = lax.switch(plan.look[layer], looks, rgb) * plan.light
    pixels = pixels * (1 - plan.shadow[layer] * shade(plan.box[layer], size))[..., None]
    halo = plan.halo[layer] * (jnp.stack(near).max(0) - alpha)
    pixels = mix(pixels, (halo > 0).astype(jnp.float32)[..., None], jnp.abs(halo))
    return mix(pixels, rgb, alpha), things + (1 - things) * alpha


def sample(
    art: Art, offset: Int32[Array, ""], box: Int32[Array, "4"], mirrored: Int32[Array, ""], size: int
) -> tuple[Pixels, Mask]:
    """A drawing's colors and alpha at every pixel of the picture, in 0..1; outside of its box all is 0."""
    left, top, width, height = box
    row, column = (axis - start for axis, start in zip(np.mgrid[:size, :size], (top, left), strict=True))
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    column = jnp.where(mirrored > 0, width - 1 - column, column)
    packed = art.drawings[jnp.where(inside, offset + row * width + column, 0)]
    packed = jnp.where(inside, packed, jnp.uint32(0))
    red, green, blue, alpha = (((packed >> (8 * n)) & 255).astype(jnp.float32) / 255 for n in range(4))
    return jnp.stack([red, green, blue], -1), alpha


def surface(art: Art, material: Int32[Array, ""], size: int) -> Pixels:
    """A whole picture of a material; its tiles stand on the grid of the tokenizer's cells."""
    tile = art.tiles[material].astype(jnp.float32) / 255
    repeats = size // tile.shape[0]
    return jnp.tile(tile, (repeats, repeats, 1))


def shade(box: Int32[Array, "4"], size: int) -> Mask:
    """The soft shadow on the floor below a box, in 0..1."""
    left, top, width, height = box
    across, down = width * 0.5, size / 64 * 2.6
    x = (np.arange(size, dtype=np.float32) + 0.5 - left - across) / (across + size / 64)
    y = (np.arange(size, dtype=np.float32) + 0.5 - top - height + size / 64 * 1.2) / down
    distance = jnp.square(x)[None, :] + jnp.square(y)[:, None]
    return jnp.square(jnp.clip(1.15 - distance, 0, 1))


@partial(jax.jit, static_argnames="styles")
def paint_in_turn(
    art: Art, plans: Plan, count: Int32[Array, ""], styles: tuple[str, ...]
) -> UInt8[Array, "scenes size size 3"]:
    """Paint the first `count` scenes one after another, which suits a CPU; the others stay black."""

    def paint_next(number: Array, pictures: Array) -> Array:
        plan = Plan(*(field[number] for field in plans))
        return pictures.at[number].set(compose(art, plan, styles))

    size = art.grounds.shape[1]
    return lax.fori_loop(0, count, paint_next, jnp.zeros((len(plans.ground), size, size, 3), jnp.uint8))


@partial(jax.jit, static_argnames="styles")
def paint_at_once(art: Art, plans: Plan, styles: tuple[str, ...]) -> UInt8[Array, "scenes size size 3"]:
    """Paint a batch of scenes side by side, which suits an accelerator."""
    return jax.vmap(lambda plan: compose(art, plan, styles))(plans)


def paint(art: Art, plans: Plan, count: int, styles: tuple[str, ...]) -> UInt8[Array, "count size size 3"]:
    """Paint the first `count` of the plans in the way that suits the machine."""
    if jax.default_backend() == "cpu":
        return paint_in_turn(art, plans, np.int32(count), styles)[:count]
    return paint_at_once(art, plans, styles)[:count]
