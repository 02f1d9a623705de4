"""What parts of the page have in common."""

from typing import Any

import gradio as gr
from gradio.exceptions import ComponentProcessingError

Changes = dict[Any, Any]
"""What an event does: new values of components; those that are not named stay as they are."""


def make_html(value: str, name: str | None = None, script: str | None = None) -> gr.HTML:
    """A part of the page that is ours; `script` runs once, when it is there."""
    return gr.HTML(value, elem_id=name, js_on_load=script, apply_default_css=False)


class Blocks(gr.Blocks):
    """Gradio's, but values that no field of the page can have are answered in a sentence, and leave no traceback."""

    async def preprocess_data(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().preprocess_data(*args, **options)
        except gr.Error as error:
            error.print_exception = False
            raise
        except (ValueError, TypeError, ComponentProcessingError):
            raise gr.Error("This is not what the page sends. Reload it.", print_exception=False) from None
