"""The styles that a whole scene may be painted in: pure functions of pixels and of where things are.

Pixels are float32 in 0..1. Widths and patterns grow with the picture, so that a style looks alike at every size. There
are no hard thresholds: a rounding that differs between machines must not turn black into white.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from recipes.world.paint import Mask, Pixels, luminance, mix, ramp

Style = Callable[[Pixels, Mask], Pixels]


def shifted(field: Array, down: int, across: int) -> Array:
    """The field moved by some pixels; what enters repeats the edge."""
    if not down and not across:
        return field
    rest = [(0, 0)] * (field.ndim - 2)
    padded = jnp.pad(field, [(abs(down),) * 2, (abs(across),) * 2, *rest], mode="edge")
    height, width = field.shape[:2]
    return padded[abs(down) - down :, abs(across) - across :][:height, :width]


def unit(field: Array) -> int:
    """The pixels in 1/64 of the picture's side."""
    return max(1, round(field.shape[0] / 64))


def grid(field: Array) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every pixel, in 1/64 of the side."""
    size = field.shape[0]
    row, column = np.mgrid[:size, :size].astype(np.float32)
    return (row + 0.5) * 64 / size, (column + 0.5) * 64 / size


def edges(light: Mask) -> Mask:
    """How much the lightness changes over two units, in 0..1."""
    step = unit(light)
    across = shifted(light, 0, step) - shifted(light, 0, -step)
    down = shifted(light, step, 0) - shifted(light, -step, 0)
    return jnp.sqrt(across * across + down * down + 1e-8)


def blurred(field: Array, reach: int) -> Array:
    """The mean over a square of 2 * `reach` + 1 pixels."""
    side = 2 * reach + 1
    rest = (1,) * (field.ndim - 2)
    padded = jnp.pad(field, [(reach, reach)] * 2 + [(0, 0)] * len(rest), mode="edge")
    # Windows, not sums of shifted fields: XLA would compute those again for every pixel that reads them.
    for window in ((side, 1, *rest), (1, side, *rest)):
        padded = lax.reduce_window(padded, 0.0, lax.add, window, (1,) * field.ndim, "valid")
    return padded / (side * side)


def colors(*rgb: tuple[int, int, int]) -> np.ndarray:
    """Colors from 0..255 as floats in 0..1."""
    return np.array(rgb, np.float32) / 255


def gradient(value: Mask, *rgb: tuple[int, int, int]) -> Pixels:
    """A color for every value in 0..1, through all the given ones at even steps."""
    table = colors(*rgb)
    shares = [jnp.clip(value * (len(table) - 1) - number, 0, 1)[..., None] for number in range(len(table) - 1)]
    return table[0] + sum(
        share * (after - before) for share, before, after in zip(shares, table, table[1:], strict=False)
    )


def saturated(rgb: Pixels, amount: float) -> Pixels:
    """Colors moved away from gray by a factor."""
    light = luminance(rgb)[..., None]
    return jnp.clip(light + (rgb - light) * amount, 0, 1)


def posterized(value: Array, steps: int) -> Array:
    """Few levels, with soft steps between them."""
    scaled = value * steps
    base = jnp.floor(scaled)
    t = jnp.clip((scaled - base - 0.5) / 0.3 + 0.5, 0, 1)
    return (base + t * t * (3 - 2 * t)) / steps


def grain(size: int, seed: int) -> np.ndarray:
    """Noise of mean 0 and deviation 1 that is always the same."""
    return np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)


def pixel_art(pixels: Pixels, things: Mask) -> Pixels:
    """32 by 32 squares in few colors."""
    side = pixels.shape[0] // 32
    squares = pixels.reshape(32, side, 32, side, 3).mean((1, 3))
    return jnp.repeat(jnp.repeat(posterized(saturated(squares, 1.35), 5), side, 0), side, 1)


def pencil_sketch(pixels: Pixels, things: Mask) -> Pixels:
    """Gray lines where the light changes and hatching in the shade, on paper."""
    light = luminance(pixels)
    row, column = grid(pixels)
    hatch = 0.5 + 0.5 * np.sin((row + column) * (2 * np.pi / 4))
    shade = things * (1 - light) * (0.18 + 0.5 * hatch)
    line = jnp.maximum(1.1 * edges(light), 0.7 * edges(things))
    paper = 0.97 - 0.75 * shade - jnp.clip(line, 0, 0.62)
    return jnp.clip(paper, 0.12, 1)[..., None] * np.array([1.0, 0.99, 0.96], np.float32)


def black_and_white(pixels: Pixels, things: Mask) -> Pixels:
    """The lightness alone, with strong contrast."""
    light = luminance(pixels)
    strong = 0.55 * light + 0.45 * ramp(light, 0.05, 0.95)
    return jnp.repeat(strong[..., None], 3, -1)


def neon(pixels: Pixels, things: Mask) -> Pixels:
    """Bright lines in the thing's own hues on near-black."""
    line = jnp.clip(jnp.maximum(3.2 * edges(luminance(pixels)), 1.6 * edges(things)), 0, 1)
    peak = jnp.maximum(pixels.max(-1, keepdims=True), 0.02)
    vivid = jnp.square(pixels / peak)
    dark = colors((14, 8, 34))[0] + pixels * (0.04 + 0.14 * things)[..., None]
    glow = blurred(vivid * line[..., None], 2 * unit(line))
    return jnp.clip(mix(dark, vivid, line) + 0.5 * glow, 0, 1)


def oil_painting(pixels: Pixels, things: Mask) -> Pixels:
    """Flat strokes: each pixel takes the calmest of four squares around it (Kuwahara)."""
    reach = 2 * unit(pixels)
    half = reach // 2
    light = luminance(pixels)
    field = jnp.concatenate([pixels, (light * light)[..., None]], -1)
    mean = blurred(field, half)
    corners = jnp.stack([shifted(mean, dy, dx) for dy in (-half, half) for dx in (-half, half)])
    variance = corners[..., 3] - jnp.square(luminance(corners[..., :3]))
    weight = 1 / jnp.square(jnp.square(jnp.maximum(variance, 0) * 400 + 0.05))
    flat = (corners[..., :3] * weight[..., None]).sum(0) / weight.sum(0)[..., None]
    row, column = grid(pixels)
    turn = 2.4 * np.sin(row * 0.13 + 1) * np.sin(column * 0.11) + 0.9
    bristle = np.sin((column * np.cos(turn) + row * np.sin(turn)) * 1.3) * (
        0.6 + 0.4 * np.sin(row * 0.5 - column * 0.3)
    )
    return jnp.clip(saturated(flat, 1.3) + 0.045 * bristle[..., None].astype(np.float32), 0, 1)


def watercolor(pixels: Pixels, things: Mask) -> Pixels:
    """Pale and bleeding, darker where a wash ends, on white paper with grain."""
    size = pixels.shape[0]
    soft = blurred(pixels, unit(pixels))
    wash = 1 - 0.76 * (1 - saturated(0.5 * (soft + pixels), 1.35))
    row, column = grid(pixels)
    border = np.minimum(np.minimum(row, 64 - row), np.minimum(column, 64 - column))
    wave = 1 + 0.8 * np.sin(row * 0.55) * np.sin(column * 0.45 + 1)
    paper = ramp(border, 0.3, 2 + 1.8 * wave)
    pool = edges(luminance(soft)) * 0.35
    blotch = np.sin(row * 0.21 + 1.3 * np.sin(column * 0.13)) * np.sin(column * 0.24 + 1)
    spots = (0.012 * grain(size, 1) + 0.05 * blotch).astype(np.float32)
    washed = wash * (1 - pool)[..., None] + spots[..., None]
    return jnp.clip(mix(np.full(3, 0.985, np.float32), washed, paper), 0, 1)


def blueprint(pixels: Pixels, things: Mask) -> Pixels:
    """White lines on blue, over a faint grid."""
    row, column = grid(pixels)
    line = jnp.clip(jnp.maximum(2.4 * edges(luminance(pixels)), 1.5 * edges(things)), 0, 1)
    rule = np.maximum(row % 8 < 1, column % 8 < 1).astype(np.float32)
    paper = mix(colors((24, 72, 158))[0], colors((74, 124, 206))[0], rule * (1 - 0.5 * things))
    tint = paper + (0.10 * things * luminance(pixels))[..., None]
    return mix(tint, np.array([0.96, 0.98, 1.0], np.float32), line)


def old_photo(pixels: Pixels, things: Mask) -> Pixels:
    """Faded brown, dark towards the corners, in a pale frame."""
    light = luminance(pixels)
    row, column = grid(pixels)
    away = ((row - 32) ** 2 + (column - 32) ** 2) / 32**2
    faded = (0.06 + 0.4 * light + 0.52 * ramp(light, 0.1, 0.95)) * (
        1 - 0.34 * np.clip(away - 0.25, 0, 1.6).astype(np.float32)
    )
    sepia = gradient(faded, (38, 22, 12), (128, 88, 52), (206, 170, 120), (248, 232, 200))
    border = np.minimum(np.minimum(row, 64 - row), np.minimum(column, 64 - column))
    return mix(colors((240, 228, 204))[0], sepia, ramp(border, 2.0, 2.6))


def comic_book(pixels: Pixels, things: Mask) -> Pixels:
    """Flat, strong colors, black outlines, and dots of ink in the shade and behind the things."""
    strong = posterized(saturated(pixels, 1.7), 3)
    row, column = grid(pixels)
    dots = (np.cos((row - 0.5) * np.pi / 2) * np.cos((column - 0.5) * np.pi / 2)).astype(np.float32)
    shade = (1 - things) * 0.8 * (1.1 - luminance(pixels)) + things * 0.35 * (1 - luminance(pixels))
    ink = ramp(dots - 1 + 1.5 * shade, -0.1, 0.3) * 0.3
    dotted = strong * (1 - ink)[..., None]
    line = jnp.maximum(ramp(edges(things), 0.25, 0.6), ramp(edges(luminance(pixels)), 0.3, 0.55) * (0.3 + 0.7 * things))
    return dotted * (1 - line)[..., None]


def panes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A fixed division into panes of glass: the pane of each pixel, and how near it is to a border in 1/64."""
    random = np.random.default_rng(5)
    across = 8
    points = (
        np.moveaxis(np.mgrid[:across, :across], 0, -1).reshape(-1, 2)
        + 0.5
        + random.uniform(-0.32, 0.32, (across**2, 2))
    )
    pixels = (np.moveaxis(np.mgrid[:size, :size], 0, -1).reshape(-1, 1, 2) + 0.5) / size
    distances = np.sort(np.linalg.norm(pixels - points / across, axis=-1), -1)
    nearest = np.linalg.norm(pixels - points / across, axis=-1).argmin(-1)
    gap = (distances[:, 1] - distances[:, 0]) * 64
    return nearest.reshape(size, size).astype(np.int32), gap.reshape(size, size).astype(np.float32)


def stained_glass(pixels: Pixels, things: Mask) -> Pixels:
    """Glowing panes with dark leads between them, and around the things."""
    size = pixels.shape[0]
    pane, gap = panes(size)
    weights = jnp.stack([1 - things, things], -1)
    parts = jnp.concatenate([weights[..., None] * pixels[..., None, :], weights[..., None]], -1).reshape(size * size, 8)
    sums = jax.ops.segment_sum(parts, pane.reshape(-1), 64).reshape(64, 2, 4)[pane]
    flat = sums[..., :3] / (sums[..., 3:] + 1e-3)
    tint = np.random.default_rng(9).uniform(0.72, 1.12, (64, 3)).astype(np.float32)[pane]
    ground, thing = flat[..., 0, :] * tint, 0.35 * flat[..., 1, :] + 0.65 * pixels
    glass = saturated(mix(ground, thing, things), 1.9) * 1.05
    border = 1 - ramp(gap, 0.7, 1.7)
    lead = jnp.maximum(border * (1 - 0.75 * things), ramp(edges(things), 0.3, 0.7))
    return jnp.clip(mix(glass, colors((22, 20, 28))[0], lead), 0, 1)


def x_ray(pixels: Pixels, things: Mask) -> Pixels:
    """Inverted and bluish: glowing rims and insides on black."""
    light = luminance(pixels)
    soft = blurred(things, 2 * unit(things))
    rim = things * (1 - soft) * 1.5
    inside = things * (0.18 + 0.62 * (1 - light)) + 0.9 * edges(light) * things
    glow = 0.16 * soft * (1 - things)
    return gradient(
        jnp.clip(0.04 + glow + inside + rim, 0, 1), (3, 7, 18), (26, 72, 120), (118, 184, 224), (238, 250, 255)
    )


def thermal(pixels: Pixels, things: Mask) -> Pixels:
    """A camera of heat: cold blue behind, and things from red to white by their light."""
    light = luminance(pixels)
    heat = blurred(things * (0.48 + 0.5 * light) + (1 - things) * (0.04 + 0.14 * light), unit(things) // 2 + 1)
    hues = ((12, 8, 70), (40, 30, 160), (150, 24, 160), (230, 50, 60), (252, 150, 20), (254, 230, 60), (255, 255, 236))
    return gradient(jnp.clip(heat, 0, 1), *hues)


def vaporwave(pixels: Pixels, things: Mask) -> Pixels:
    """Purple, pink and cyan before a striped sun and a floor of glowing lines."""
    row, column = grid(pixels)
    sky = gradient(jnp.clip(row / 44, 0, 1), (58, 20, 120), (190, 50, 170), (255, 130, 180))
    sun = ramp(21 - np.hypot(row - 28, column - 32), -0.6, 0.6)
    stripe = np.where((row > 28) & (row % 4 < 1.4), 0.0, 1.0).astype(np.float32)
    face = gradient(jnp.clip((row - 8) / 40, 0, 1), (255, 240, 130), (255, 110, 170))
    behind = mix(sky, face, sun * stripe)
    depth = np.maximum(row - 44, 0.01)
    lines = np.maximum(np.abs((column - 32) / (depth + 8) * 16 % 8 - 4) > 3.3, np.isin(np.floor(depth), (0, 2, 6, 13)))
    floor = mix(colors((44, 12, 92))[0], colors((60, 230, 240))[0], lines.astype(np.float32) * 0.9)
    ground = mix(behind, floor, (row > 44).astype(np.float32))
    thing = gradient(luminance(pixels), (46, 10, 100), (150, 40, 190), (255, 96, 190), (120, 230, 250), (240, 255, 255))
    return mix(ground, thing, things)


def woodcut(pixels: Pixels, things: Mask) -> Pixels:
    """Black cuts on cream: outlines, and lines that grow with the shade."""
    light = luminance(pixels)
    row, column = grid(pixels)
    wave = (0.5 + 0.5 * np.cos((row - 0.5 + 1.2 * np.sin(column * 0.25)) * np.pi / 2)).astype(np.float32)
    shade = things * (1.08 - 1.15 * ramp(light, 0.05, 0.95))
    cut = ramp(shade - wave, -0.18, 0.18)
    line = jnp.maximum(ramp(edges(things), 0.25, 0.6), ramp(edges(light), 0.22, 0.42) * things)
    away = np.hypot(row - 32, column - 32)
    far = ramp(wave * ramp(away, 27, 44), 0.45, 0.75)
    ink = jnp.maximum(jnp.maximum(cut, line), far * (1 - ramp(blurred(things, 2 * unit(things)), 0, 0.1)))
    return mix(colors((246, 234, 206))[0], colors((26, 20, 18))[0], ink)


STYLES: dict[str, Style] = {
    "pixel art": pixel_art, "pencil sketch": pencil_sketch, "black and white": black_and_white, "neon": neon,
    "oil painting": oil_painting, "watercolor": watercolor, "blueprint": blueprint, "old photo": old_photo,
    "comic book": comic_book, "stained glass": stained_glass, "x-ray": x_ray, "thermal": thermal,
    "vaporwave": vaporwave, "woodcut": woodcut,
}  # fmt: skip
