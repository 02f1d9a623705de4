"""Recipe links: what a link to the page asks for, put into the fields and told in words."""

from pathlib import Path
from urllib.parse import parse_qs

from dalle_mini.recipe import Recipe
from dalle_mini.serving import shelf
from dalle_mini.web.markup import LONGEST_QUOTE, shorten
from dalle_mini.web.settings import SettingsPanel
from dalle_mini.web.words import Words


def read_link(query: str) -> Recipe | None:
    """The recipe in a link's part after the question mark; None where the link is of another kind.

    DataError, ConfigError and PromptError say what is wrong with it.
    """
    return Recipe.from_query(query) if f"&{query}".find("&v=") >= 0 else None


def read_prompt(query: str) -> str:
    """The prompt of a link that is no recipe, as one types it: `?prompt=a+red+car`; empty where there is none.

    It is checked when it is drawn.
    """
    return parse_qs(query).get("prompt", [""])[0]


def find_model(recipe: Recipe, main: str) -> str | None:
    """What the page knows the recipe's release by; None where it is not on this machine."""
    for _, model in shelf.list_choices(main):
        if Path(model).name == recipe.release and shelf.is_here(model):
            return model
    return None


def describe(words: Words, recipe: Recipe, settings: SettingsPanel, *, is_here: bool) -> str:
    """What the link draws, and why that may not be what its author saw."""
    told = [words("recipe.found", prompt=shorten(recipe.prompt, LONGEST_QUOTE), seed=recipe.seed)]
    if not is_here:
        told.append(words("recipe.other_model", model=shorten(recipe.release, LONGEST_QUOTE)))
        if recipe.way.kept:
            told.append(words("recipe.tokens_left_out"))
    if not settings.reaches(recipe):
        told.append(words("recipe.other_settings"))
    return " ".join(told)
