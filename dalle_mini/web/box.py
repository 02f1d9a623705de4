"""The box for the prompt, with its two buttons: one begins a drawing, the other ends it."""

import gradio as gr

from dalle_mini.web.parts import Changes


class Box:
    """Either Run or Stop is to be seen."""

    def __init__(self, i18n: gr.I18n) -> None:
        with gr.Row(elem_id="prompt-row"):
            self.prompt = gr.Textbox(
                elem_id="prompt",
                label=i18n("box.prompt"),
                show_label=False,
                container=False,
                placeholder=i18n("box.placeholder"),
                lines=1,
                max_lines=4,
                autofocus=True,
                scale=1,
                html_attributes=gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="go"),
            )
            self.run = gr.Button(i18n("box.run"), elem_id="run", variant="primary", scale=0, min_width=104)
            self.stop = gr.Button(
                i18n("box.stop"), elem_id="stop", variant="stop", scale=0, min_width=104, visible=False
            )

    def show_busy(self) -> Changes:
        return {self.run: gr.update(visible=False), self.stop: gr.update(visible=True)}

    def show_idle(self) -> Changes:
        return {self.run: gr.update(visible=True), self.stop: gr.update(visible=False)}
