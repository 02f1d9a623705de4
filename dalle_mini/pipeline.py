"""From a prompt to pictures: text tokens, image tokens, pixels, and a grid that knows its recipe.

`loading.load` gives a `DalleMini`; its `generate` draws, and its `draw` does so chunk by chunk, for those who want to
watch or to stop half-way.
"""

import contextlib
import dataclasses
import functools
import math
import secrets
from collections.abc import Callable, Generator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini import memory, sampling
from dalle_mini.arrays import Float, Int32, Params
from dalle_mini.config import (
    MAX_CANDIDATES,
    PLAIN,
    UNKNOWN,
    Canvas,
    GenerationConfig,
    KeptTokens,
    TransformerConfig,
    VQGANConfig,
    Way,
    check_seed,
)
from dalle_mini.drawing import LANES, Drawn, Plan, image_seeds, preview_places
from dalle_mini.errors import CheckpointError, ConfigError
from dalle_mini.generation import Candidates, Generation, rank_candidates
from dalle_mini.pixels import decode_pixels, read_canvas
from dalle_mini.ranking import Clip
from dalle_mini.safety.blur import blur
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.safety.pictures import PictureCheck
from dalle_mini.safety.verdict import Verdict
from dalle_mini.text.lexicon import Lexicon
from dalle_mini.text.tokenizer import PromptReading, Tokenizer, join_readings
from dalle_mini.tiles import list_prompts, plan_tiles
from dalle_mini.together import Trial, draw_together, try_together
from dalle_mini.unfinished import rewind, show_unfinished

CANDIDATES_A_PICTURE = 4
"""What an accelerator draws for each picture that is shown, where there is a ranker and nobody says otherwise."""

REPLAY_FRAMES = 24


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a drawing is, in tokens of one image; `result` is set when it is done.

    `preview` decodes as many pictures as will be shown, as far as they are drawn, which costs as much as decoding
    finished ones. Of more candidates, it shows those that are being drawn.
    """

    done: int
    total: int
    settings: GenerationConfig
    preview: Callable[[], list[Image.Image]]
    result: Generation | None = None


@dataclasses.dataclass(frozen=True)
class DalleMini:
    """A transformer and a VQGAN with their tokenizer, ready to draw; `name` is what recipes call it.

    With a `ranker`, pictures have marks, and more can be drawn than are shown; without, they come as they were drawn.
    `safety` says which prompts are refused; `check` looks at the pictures that are shown, if there is one.
    """

    name: str
    config: TransformerConfig
    params: Params
    vqgan_config: VQGANConfig
    vqgan_params: Params
    tokenizer: Tokenizer
    defaults: GenerationConfig = GenerationConfig()
    lexicon: Lexicon | None = None
    ranker: Clip | None = None
    safety: SafetyOptions = SafetyOptions()
    check: PictureCheck | None = None

    def __post_init__(self) -> None:
        length = self.config.image_length
        if math.isqrt(length) ** 2 != length:
            raise CheckpointError(
                f"image_length={length} is not a square number of tokens", hint="use another checkpoint"
            )

    def generate(
        self,
        prompt: str,
        *,
        images: int | None = None,
        seed: int | None = None,
        guidance_scale: float | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        candidates: int | None = None,
        variety: float | None = None,
        not_this: str | None = None,
        way: Way = PLAIN,
    ) -> Generation:
        """Draw `prompt`; what is None is the release's default, and a random seed.

        Of the `candidates` that are drawn, the ranker chooses the `images` that are shown. A picture depends on the
        prompt, the settings and its own seed alone, never on how many are drawn. `way` is for grids of several prompts,
        and for pictures that begin with the tokens of another.
        """
        settings = self.settings(
            images=images,
            guidance_scale=guidance_scale,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            candidates=candidates,
            variety=variety,
            not_this=not_this,
        )
        *_, last = self.draw(prompt, settings, seed=seed, way=way)
        assert last.result is not None
        return last.result

    def went_by(self, prompt: str) -> str:
        """Which words of the prompt the model knows, in a line; "" where the release brings no lexicon."""
        return self.lexicon.read(prompt).sentence(self.name) if self.lexicon else ""

    def read(self, prompt: str, settings: GenerationConfig, way: Way = PLAIN) -> PromptReading:
        """How the prompt, or all prompts that it makes, would be read; PromptError where something can't be."""
        prompts = list_prompts(plan_tiles(prompt, way, images=settings.images))
        if settings.not_this:
            self.tokenizer.encode([settings.not_this])
        return join_readings(prompt, self.tokenizer.encode(prompts).readings)

    def settings(self, **changes: float | str | None) -> GenerationConfig:
        """The release's defaults with `changes`; None changes nothing. Candidates are left to `complete`."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self.defaults, **{"candidates": None, **given})

    def complete(self, settings: GenerationConfig, way: Way = PLAIN) -> GenerationConfig:
        """`settings` with the number of candidates; ConfigError where they can't be ranked.

        Unless said, the release's `generation.json` decides; else as many as are shown on a CPU, and four times as many
        on an accelerator. In a grid of many prompts every picture has its place, and nothing is left to choose.
        """
        if way.has_many_prompts:
            if (settings.candidates or 0) > settings.images:
                found = f"candidates={settings.candidates} of which {settings.images} are shown"
                raise ConfigError(f"{found}: a grid of several prompts shows all", hint="leave candidates out")
            return dataclasses.replace(settings, candidates=settings.images, variety=0.0)
        count = settings.candidates
        if count is None:
            count = min(self._usual_candidates(settings.images), MAX_CANDIDATES)
        needs = [f"candidates={count} of which {settings.images} are shown"] if count > settings.images else []
        needs += [f"variety={settings.variety}"] if settings.variety else []
        if needs and self.ranker is None:
            raise ConfigError(
                f"{needs[0]}: {self.name} has no ranker to choose by",
                hint="name a CLIP as its ranker, such as openai/clip-vit-base-patch32, or leave the setting out",
            )
        return dataclasses.replace(settings, candidates=count)

    def _usual_candidates(self, images: int) -> int:
        if self.ranker is None:
            return images
        if self.defaults.candidates is not None:
            return max(images, self.defaults.candidates)
        return images * (1 if jax.default_backend() == "cpu" else CANDIDATES_A_PICTURE)

    def without_ranker(self) -> "DalleMini":
        """The same model, whose pictures come as they were drawn."""
        defaults = dataclasses.replace(self.defaults, candidates=None, variety=0.0)
        check = dataclasses.replace(self.check, opinion=None) if self.check else None
        return dataclasses.replace(self, ranker=None, defaults=defaults, check=check)

    def draw(
        self, prompt: str, settings: GenerationConfig | None = None, *, seed: int | None = None, way: Way = PLAIN
    ) -> Generator[Progress]:
        """Draw chunk by chunk; the last `Progress` holds the result. Closing the generator stops the drawing.

        ConfigError where the candidates can't be ranked or find no room, or kept tokens are not the model's,
        PromptError for what can't be read, and PromptRejected for what is not drawn.
        """
        (drawing,) = self.draw_together([self.plan(prompt, settings, seed=seed, way=way)])
        return drawing

    def draw_together(self, plans: Sequence[Plan]) -> list[Generator[Progress]]:
        """`draw` for several at once: the pictures of each are what they are alone.

        Whichever is asked first draws a chunk for all. Settings must have the same `sampling.static_settings`, and
        either all or none several prompts.
        """
        self._require_room(plans)
        codebook_size = self.vqgan_config.codebook_size
        streams = draw_together(self.params, self.config, plans, codebook_size=codebook_size)
        return [self._draw(plan, stream) for plan, stream in zip(plans, streams, strict=True)]

    def try_together(self, count: int) -> Trial:
        """Whether so many drawings at once are what they are alone, and how much faster; compiles what draws them."""
        plan = self.plan("a picture", seed=0)
        self._require_room([plan] * count)
        codebook_size = self.vqgan_config.codebook_size
        return try_together(self.params, self.config, plan, count, codebook_size=codebook_size)

    def keep(self, canvas: Canvas) -> KeptTokens:
        """What stays of a picture to draw on, as `Way(kept=…)`; DataError and ConfigError as `read_canvas`."""
        return read_canvas(self.vqgan_params, self.vqgan_config, canvas, length=self.config.image_length)

    def replay(self, drawn: Generation, *, frames: int = REPLAY_FRAMES) -> Generator[Image.Image]:
        """The grid as it came about, for `animation.encode_animation`; the last frame is the finished one.

        Tokens tell it all, so this takes the VQGAN alone, as long as so many grids.
        """
        length = self.config.image_length
        given = np.array(drawn.way.kept.tokens if drawn.way.kept else [UNKNOWN] * length) != UNKNOWN
        for frame in range(1, frames):
            past = rewind(drawn.tokens, math.ceil(frame * length / frames), given)
            pictures = [show_unfinished(tokens, self._decode) for tokens in past]
            hidden = map(drawn.is_blurred, drawn.candidates.shown)
            yield drawn.compose([blur(seen) if hide else seen for seen, hide in zip(pictures, hidden, strict=True)])
        yield drawn.grid()

    def plan(
        self, prompt: str, settings: GenerationConfig | None = None, *, seed: int | None = None, way: Way = PLAIN
    ) -> Plan:
        """What decides a drawing; raises what `draw` does, but for room."""
        settings = settings or self.settings()
        tiles = plan_tiles(prompt, way, images=settings.images)
        prompts = list_prompts(tiles)
        for text in (*prompts, settings.not_this):
            self.safety.check(text)
        settings = self.complete(settings, way)
        seed = check_seed(secrets.randbelow(2**32) if seed is None else seed)
        encoded = self.tokenizer.encode(prompts)
        if self.ranker and not way.has_many_prompts:
            self.ranker.tokenizer.encode(prompts)  # what it can't read is to be known before there is work to lose
        count = settings.candidates
        assert count is not None
        against = self.tokenizer.encode([settings.not_this]) if settings.not_this else self.tokenizer.encode_empty(1)
        rows = zip(encoded.tokens[:, None], encoded.mask[:, None], strict=True)
        return Plan(
            reading=join_readings(prompt, encoded.readings),
            way=way,
            settings=settings,
            seed=seed,
            # On the way from one prompt to another, one seed makes neighbors alike.
            seeds=(seed,) * count if way.morph_to and way.morph_share is None else image_seeds(seed, count),
            tiles=tiles if way.has_many_prompts else tiles[:1] * count,
            texts={text.prompt: _as_text(*row) for text, row in zip(encoded.readings, rows, strict=True)},
            against=_as_text(against.tokens, against.mask),
            given=self._find_given(way),
        )

    def _find_given(self, way: Way) -> Int32[np.ndarray, "image"]:
        length = self.config.image_length
        if way.kept is None:
            return np.full(length, UNKNOWN, np.int32)
        way.kept.require_fit(length, self.vqgan_config.codebook_size)
        return np.array(way.kept.tokens, np.int32)

    def _require_room(self, plans: Sequence[Plan]) -> None:
        itemsize = self.params["decoder"]["final_norm"]["bias"].dtype.itemsize
        free, lanes = memory.find_free(), LANES * len(plans)
        for plan in plans:
            texts = LANES if plan.way.has_many_prompts else 1
            need = memory.estimate(
                self.config, self.vqgan_config, plan.settings, lanes=lanes, texts=texts, itemsize=itemsize
            )
            memory.require_room(need, free, plan.settings)

    def _draw(self, plan: Plan, stream: Generator[Drawn]) -> Generator[Progress]:
        length, count, settings = self.config.image_length, len(plan.seeds), plan.settings
        # One CLIP's word on pictures of several prompts could not be compared.
        ranker = None if plan.way.has_many_prompts else self.ranker
        side = math.isqrt(length) * self.vqgan_config.downsampling
        tokens, pixels = np.zeros((count, length), np.int32), np.zeros((count, side, side, 3), np.uint8)
        embedded = []
        with contextlib.closing(stream):
            for drawn in stream:
                places, position = drawn.places, drawn.position
                tokens[places] = drawn.tokens
                if position == length:
                    pixels[places] = [self._decode(row) for row in drawn.tokens]
                    if ranker:
                        embedded.append(ranker.embed_images(pixels[places]))
                if position < length or places.stop < count:
                    done = (places.start // LANES * length + position) // math.ceil(count / LANES)
                    preview = functools.partial(self._preview, pixels, drawn, settings.images)
                    yield Progress(done, length, settings, preview)
        candidates = Candidates(plan.seeds, tokens, pixels, shown=tuple(range(settings.images)))
        rows = None
        if ranker:
            rows = np.concatenate(embedded)
            candidates = rank_candidates(candidates, ranker, rows, plan.reading.prompt, variety=settings.variety)
        result = Generation(
            self.name,
            plan.reading,
            plan.seed,
            settings,
            candidates,
            ranker=ranker.id if ranker else None,
            went_by=self.went_by(*plan.texts) if len(plan.texts) == 1 else "",
            verdicts=self._look_at(candidates, rows),
            way=plan.way,
        )
        yield Progress(length, length, settings, lambda: list(result.images), result)

    def _look_at(
        self, candidates: Candidates, embedded: Float[np.ndarray, "candidates projection"] | None
    ) -> tuple[Verdict, ...] | None:
        """A verdict on every picture that is shown; None where nobody looks."""
        if self.check is None:
            return None
        shown = list(candidates.shown)
        return self.check.check([*map(candidates.image, shown)], None if embedded is None else embedded[shown])

    def _decode(self, tokens: np.ndarray) -> np.ndarray:
        return np.asarray(decode_pixels(self.vqgan_params, self.vqgan_config, tokens))

    def _preview(self, pixels: np.ndarray, drawn: Drawn, shown: int) -> list[Image.Image]:
        """Pictures as far as they are drawn; the rest is transparent."""
        start, stop = drawn.places.start, drawn.places.stop
        finished = stop if drawn.position == self.config.image_length else start
        pictures = []
        for place in preview_places(start, shown, len(pixels)):
            if place < finished:
                picture = Image.fromarray(pixels[place])
            elif place < stop:
                picture = show_unfinished(drawn.tokens[place - start], self._decode)
            else:
                picture = Image.new("RGBA", pixels.shape[1:3])
            pictures.append(picture)
        return pictures


def _as_text(tokens: np.ndarray, mask: np.ndarray) -> sampling.Text:
    return sampling.Text(jnp.asarray(tokens), jnp.asarray(mask))
