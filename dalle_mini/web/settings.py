"""The settings below the box: the model, how to draw with it, what to choose from, and the seed."""

import dataclasses
from typing import Any

import gradio as gr

from dalle_mini.config import GenerationConfig
from dalle_mini.recipe import Recipe
from dalle_mini.serving import shelf
from dalle_mini.web.markup import render_notify
from dalle_mini.web.parts import Changes, make_html
from dalle_mini.web.words import Words

_MAX_IMAGES = 36
_MAX_CANDIDATES = 144
_MAX_TOP_K = 256
_SLIDERS = ("images", "guidance_scale", "temperature", "top_k", "top_p", "candidates", "variety")
"""Settings with a slider here, by their names."""


class SettingsPanel:
    """A field for everything that an order says beside its prompt.

    `ranker` is the CLIP that was named for `model`, if one was; other models have those that they bring.
    """

    def __init__(self, words: Words, i18n: gr.I18n, model: str, ranker: str | None) -> None:
        self._model, self._ranker = model, ranker
        defaults = _read_defaults(model)
        values = self._read_usual(model, defaults)

        def slide(name: str, least: float, most: float, step: float, *, told: bool = True) -> gr.Slider:
            info: Any = i18n(f"settings.{name}.info") if told else None
            return gr.Slider(
                least, most, values[name], step=step, label=i18n(f"settings.{name}"), info=info, elem_id=f"set-{name}"
            )

        def write(name: str) -> gr.Textbox:
            info: Any = i18n(f"settings.{name}.info")
            return gr.Textbox(label=i18n(f"settings.{name}"), info=info, elem_id=f"set-{name}", max_lines=3)

        with gr.Accordion(i18n("settings"), open=False, elem_id="settings") as self.panel:
            with gr.Row():
                self.model = gr.Dropdown(
                    shelf.list_choices(model), value=model, label=i18n("settings.model"), filterable=False
                )
                self.images = slide("images", 1, _MAX_IMAGES, 1, told=False)
            with gr.Row():
                self.guidance_scale = slide("guidance_scale", 1, max(20, defaults.guidance_scale), 0.5)
                self.temperature = slide("temperature", 0.1, 2, 0.05)
            with gr.Row():
                self.top_k = slide("top_k", 0, _MAX_TOP_K, 1)
                self.top_p = slide("top_p", 0.05, 1, 0.05)
            with gr.Row(visible=self._is_ranked(model)) as self.choosing:
                self.candidates = slide("candidates", 0, _MAX_CANDIDATES, 1)
                self.variety = slide("variety", 0, 1, 0.05)
            self.seed = gr.Textbox(
                label=i18n("settings.seed"),
                info=i18n("settings.seed.info"),
                placeholder=i18n("settings.seed.random"),
                elem_id="seed",
                max_lines=1,
            )
            self.not_this, self.morph_to = write("not_this"), write("morph_to")
            self.notify = make_html(render_notify(words), "notify")

    @property
    def fields(self) -> list[Any]:
        """All fields, in the order in which `read_order` takes them."""
        return [self.model, self.images, *self.styles, self.seed, self.not_this, self.morph_to]

    @property
    def styles(self) -> list[Any]:
        """The fields that another model sets anew."""
        drawing = [self.guidance_scale, self.temperature, self.top_k, self.top_p]
        return [*drawing, self.candidates, self.variety]

    def apply_defaults(self, model: str) -> Changes:
        """The settings that a model is best drawn with, and whether there is anything to choose by."""
        return self._set(model, _read_defaults(model), but=("images",))

    def fill_in(self, model: str, recipe: Recipe) -> Changes:
        """What a recipe says, to be seen."""
        told: Changes = {self.model: model, self.seed: str(recipe.seed), self.panel: gr.update(open=True)}
        words = {self.not_this: recipe.settings.not_this, self.morph_to: recipe.way.morph_to}
        return self._set(model, recipe.settings) | told | words

    def reaches(self, recipe: Recipe) -> bool:
        """Whether the fields can say exactly that."""
        values = recipe.settings.to_dict() | {"candidates": recipe.settings.candidates or 0}
        sliders = {name: getattr(self, name) for name in _SLIDERS}
        fit = (slider.minimum <= values[name] <= slider.maximum for name, slider in sliders.items())
        return all(fit) and recipe.way.morph_share is None

    def _set(self, model: str, settings: GenerationConfig, *, but: tuple[str, ...] = ()) -> Changes:
        values = {name: value for name, value in self._read_usual(model, settings).items() if name not in but}
        changes = {getattr(self, name): value for name, value in values.items()}
        return changes | {self.choosing: gr.update(visible=self._is_ranked(model))}

    def _read_usual(self, model: str, settings: GenerationConfig) -> dict[str, float]:
        """The fields' values, as far as they reach; nothing to choose from without anything to choose by."""
        values = {name: getattr(settings, name) for name in _SLIDERS}
        values |= {
            "images": min(settings.images, _MAX_IMAGES),
            "top_k": min(settings.top_k, _MAX_TOP_K),
            "candidates": min(settings.candidates or 0, _MAX_CANDIDATES),
        }
        return values if self._is_ranked(model) else values | {"candidates": 0, "variety": 0.0}

    def _is_ranked(self, model: str) -> bool:
        return shelf.brings_ranker(model) or (model == self._model and self._ranker is not None)


def _read_defaults(model: str) -> GenerationConfig:
    """What a model is best drawn with. How many candidates go with how many pictures is left to it."""
    return dataclasses.replace(shelf.read_defaults(model), candidates=None)
