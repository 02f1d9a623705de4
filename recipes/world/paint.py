"""What may be done to a drawing: scale it, recolor it, make it of a material, or change its style.

Color and material keep the drawing's own light and dark, relative to its middle tone, so that eyes,
stripes and outlines stay where they were.
"""

import numpy as np
from PIL import Image, ImageFilter

from recipes.world.textures import texture
from recipes.world.world import World

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fit(picture: Image.Image, size: int) -> Image.Image:
    """Scale a drawing into a square box of `size` pixels, its proportions kept."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    # Premultiplied, so that no dark fringe appears at the edge.
    return picture.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")


def tones(picture: Image.Image) -> tuple[np.ndarray, np.ndarray, float]:
    """Luminance in 0..1, alpha in 0..1, and the middle tone of the visible part."""
    pixels = np.asarray(picture, np.float32) / 255
    light, alpha = pixels[..., :3] @ LUMA, pixels[..., 3]
    visible = light[alpha > 0.5]
    middle = float(np.median(visible)) if visible.size else 0.5
    return light, alpha, min(max(middle, 0.38), 0.78)


def assemble(rgb: np.ndarray, alpha: np.ndarray) -> Image.Image:
    """Pack colors and alpha, both in 0..1, into a picture."""
    pixels = np.concatenate([np.clip(rgb, 0, 1), alpha[..., None]], axis=-1)
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8))


def recolor(picture: Image.Image, color: tuple[int, int, int]) -> Image.Image:
    """Paint a drawing in shades of one color."""
    light, alpha, middle = tones(picture)
    body = np.array(color, np.float32) / 255
    dark, bright = body * 0.22, body + (1 - body) * 0.82
    low = np.clip(light / middle, 0, 1)[..., None]
    high = np.clip((light - middle) / (1 - middle), 0, 1)[..., None]
    shades = np.where(low < 1, dark + (body - dark) * low, body + (bright - body) * high)
    return assemble(shades * (1 - 0.35 * rim(alpha)[..., None]), alpha)


def rim(alpha: np.ndarray) -> np.ndarray:
    """Where the drawing's edge is, in 0..1, about one and a half pixels wide."""
    mask = Image.fromarray(np.round(alpha * 255).astype(np.uint8))
    padded = Image.new("L", (mask.width + 4, mask.height + 4))
    padded.paste(mask, (2, 2))
    inner = padded.filter(ImageFilter.MinFilter(3)).crop((2, 2, mask.width + 2, mask.height + 2))
    return np.clip(alpha - np.asarray(inner, np.float32) / 255, 0, 1)


def made_of(picture: Image.Image, material: str) -> Image.Image:
    """Fill a drawing's shape with a material, shaded by its own light and dark."""
    light, alpha, middle = tones(picture)
    surface = texture(material)
    repeats = (-(-picture.height // surface.shape[0]), -(-picture.width // surface.shape[1]), 1)
    tile = np.tile(surface, repeats)[: picture.height, : picture.width]
    relative = light / middle
    shade = np.clip(0.12 + 0.88 * relative, 0.15, 1)[..., None]
    glow = np.clip((relative - 1) * 0.75, 0, 0.45)[..., None]
    body = tile * shade + (1 - tile * shade) * glow
    return assemble(body * (1 - 0.5 * rim(alpha)[..., None]), alpha)


def pixel_art(scene: Image.Image) -> Image.Image:
    """Squares of four pixels."""
    small = scene.resize((scene.width // 4, scene.height // 4), Image.Resampling.BOX)
    return small.resize(scene.size, Image.Resampling.NEAREST)


def pencil_sketch(scene: Image.Image) -> Image.Image:
    """Gray lines where the light changes, faint shading elsewhere, on paper."""
    gray = np.asarray(scene.convert("L"), np.float32)
    edges = edge_strength(scene)
    paper = 250 - (255 - gray) * 0.28 - edges * 1.5
    warm = np.clip(paper, 40, 250)[..., None] * np.array([1.0, 0.99, 0.96], np.float32)
    return Image.fromarray(np.round(warm).astype(np.uint8))


def black_and_white(scene: Image.Image) -> Image.Image:
    """The luminance alone."""
    return scene.convert("L").convert("RGB")


def neon(scene: Image.Image) -> Image.Image:
    """Bright lines in the scene's own hues on near-black."""
    pixels = np.asarray(scene, np.float32)
    strength = np.clip(edge_strength(scene) / 70, 0, 1)[..., None]
    peak = np.maximum(pixels.max(axis=-1, keepdims=True), 1)
    vivid = (pixels / peak) ** 2 * 255
    ground = np.array([14, 8, 34], np.float32) + pixels * 0.12
    return Image.fromarray(np.round(ground + (vivid - ground) * strength).astype(np.uint8))


def edge_strength(scene: Image.Image) -> np.ndarray:
    """How fast the luminance changes, in gray levels per two pixels."""
    gray = np.asarray(scene.convert("L"), np.float32)
    padded = np.pad(gray, 1, mode="edge")
    across = padded[1:-1, 2:] - padded[1:-1, :-2]
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    return np.hypot(across, down)


STYLES = {
    "pixel art": pixel_art,
    "pencil sketch": pencil_sketch,
    "black and white": black_and_white,
    "neon": neon,
}


def dressed(world: World, sprite: str, size: int, color: str, material: str) -> Image.Image:
    """A drawing at a size, recolored or made of a material where one is named."""
    picture = fit(world.sprites[sprite], size)
    if material:
        return made_of(picture, material)
    return recolor(picture, tuple(world.colors[color]["rgb"])) if color else picture
