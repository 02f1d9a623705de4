"""What a drawing's pixels may become: one color or a material.

Both keep the drawing's own light and dark, relative to its middle tone, so that stripes and outlines stay where they
were. A color also leaves eyes, teeth and some of the differences in hue, so that a thing can still be recognized.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

Pixels = Float32[Array, "height width 3"]
Mask = Float32[Array, "height width"]
Field = Array | np.ndarray


def luminance(rgb: Pixels) -> Mask:
    """How light each pixel is, in 0..1."""
    return 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]


def ramp(value: Field, low: float, high: float) -> Mask:
    """0 up to `low`, 1 from `high`, smooth between."""
    t = jnp.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: Field, second: Field, share: Field) -> Array:
    """From the first to the second picture as `share` goes from 0 to 1."""
    return jnp.asarray(first) + (second - first) * share[..., None]


def recolor(rgb: Pixels, color: Float32[Array, "3"], tone: Float32[Array, "5"]) -> Pixels:
    """Paint a drawing in shades of one color."""
    light, (middle, dark, bright) = luminance(rgb), tone[:3]
    vivid = color.max() - color.min()
    low = jnp.clip(light / middle, 0, 1)
    high = jnp.clip((light - middle) / (1 - middle), 0, 1)
    deep, pale = color * 0.25, color + (1 - color) * 0.75
    shades = mix(deep + (color - deep) * low[..., None], pale, high)
    # A little of how its hues differ from one another.
    red, blue = (rgb[..., at] - light - tone[number] for at, number in ((0, 3), (2, 4)))
    green = -(0.299 * red + 0.114 * blue) / 0.587
    shades = shades + jnp.stack([red, green, blue], -1) * (0.08 + 0.24 * vivid)
    spread = rgb.max(-1) - rgb.min(-1)
    keep = dark * (1 - ramp(light, 0.10, 0.26)) + bright * ramp(light, 0.84, 0.95) * (1 - ramp(spread, 0.08, 0.25))
    return jnp.clip(mix(shades, rgb, 0.9 * keep), 0, 1)


def made_of(rgb: Pixels, surface: Pixels, tone: Float32[Array, "5"]) -> Pixels:
    """Fill a drawing's shape with a material, shaded by its own light and dark."""
    relative = luminance(rgb) / tone[0]
    shade = jnp.clip(0.12 + 0.88 * relative, 0.15, 1)
    glow = jnp.clip((relative - 1) * 0.75, 0, 0.45)
    body = surface * shade[..., None]
    return body + (1 - body) * glow[..., None]
