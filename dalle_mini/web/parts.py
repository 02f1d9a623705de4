"""What parts of the page have in common."""

from typing import Any

import gradio as gr

Changes = dict[Any, Any]
"""What an event does: new values of components; those that are not named stay as they are."""


def make_html(value: str, name: str | None = None, script: str | None = None) -> gr.HTML:
    """A part of the page that is ours; `script` runs once, when it is there."""
    return gr.HTML(value, elem_id=name, js_on_load=script, apply_default_css=False)
