"""What a visitor asks for, read from what stands in the fields of the page."""

from dalle_mini.config import MAX_SEED, GenerationConfig, Way
from dalle_mini.errors import ConfigError
from dalle_mini.serving.order import Order
from dalle_mini.templates import has_choice


def read_order(
    prompt: str | None,
    model: str,
    images: float,
    guidance_scale: float,
    temperature: float,
    top_k: float,
    top_p: float,
    candidates: float,
    variety: float,
    seed: str | None,
    not_this: str | None,
    morph_to: str | None,
) -> Order:
    """The order in the fields; ConfigError and PromptError say what can't be drawn. No candidates: as many as usual.

    A prompt with choices is a template of several. What holds nothing but white space is empty.
    """
    settings = GenerationConfig(
        images=round(images),
        guidance_scale=float(guidance_scale),
        temperature=float(temperature),
        top_k=round(top_k),
        top_p=float(top_p),
        candidates=round(candidates) or None,
        variety=float(variety),
        not_this=(not_this or "").strip(),
    )
    prompt = prompt or ""
    way = Way(template=has_choice(prompt), morph_to=(morph_to or "").strip())
    return Order(model, prompt, settings, read_seed(seed or ""), way)


def read_seed(text: str) -> int | None:
    """A seed as it was typed; None where nothing was."""
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > len(str(MAX_SEED)) or int(text) > MAX_SEED:
        found = text if len(text) <= 24 else text[:23] + "…"
        raise ConfigError(
            f"{found!r} is not a seed",
            hint=f"a seed is a whole number from 0 to {MAX_SEED}; leave the field empty for a random one",
        )
    return int(text)
