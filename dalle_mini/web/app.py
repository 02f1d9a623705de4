"""The page as an application: Gradio's, and beside it the addresses of `routes` and what its scripts call."""

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from dalle_mini.serving.answers import NotFound, answer_errors
from dalle_mini.serving.http import find_visitor
from dalle_mini.serving.service import Service
from dalle_mini.web import examples, install, routes, sharing, steps, story, uploads, workshop
from dalle_mini.web.page import Page
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.studio import Studio
from dalle_mini.web.uploads import Uploads

ASSETS = Path(__file__).parents[2] / "assets"
_HEAD = f'{install.HEAD}<script type="module" src="page/main.js"></script>'


def build_app(service: Service) -> FastAPI:
    """The page of a service."""
    studio = Studio(
        service.engine,
        service.model,
        ranker=service.ranker,
        public=service.settings.public,
        buckets=service.buckets,
        require=service.require_bounds,
    )
    pictures, brought, drawn = Pictures(public=studio.public), Uploads(), examples.read_examples()
    app = build_routes(service, pictures, brought)
    if drawn:
        app.mount("/examples", StaticFiles(directory=examples.FOLDER))

    def name_visitor(request: gr.Request) -> str:
        return find_visitor(request.request, service) if request.request else ""

    page = Page(studio, pictures, drawn, brought, name_visitor=name_visitor)
    return gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        css_paths=[ASSETS / "page.css", ASSETS / "dialogs.css"],
        favicon_path=str(ASSETS / "favicon.png"),
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
            body_background_fill=install.PAGE_COLOR, body_background_fill_dark=install.PAGE_COLOR_DARK
        ),
        head=_HEAD,
        i18n=page.i18n,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,  # `install` has a manifest of our own
        show_error=False,
        allowed_paths=[],
        max_file_size="1kb",
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )


def build_routes(service: Service, pictures: Pictures, brought: Uploads) -> FastAPI:
    """What is ours beside Gradio's page."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = service
    # Those with names of their own first, before `routes` takes any file of a drawing.
    for module in (steps, story, routes, sharing, workshop, install):
        app.include_router(module.build_router(pictures))
    app.include_router(uploads.build_router(brought))
    answer_errors(app, app.routes)
    app.add_api_route("/gradio_api/call/{rest:path}", refuse_call, methods=["GET", "POST"])
    app.mount("/page", StaticFiles(directory=ASSETS / "page"))
    app.mount("/icons", StaticFiles(directory=install.ICONS))
    return app


def refuse_call() -> None:
    """What Gradio offers to programs: ours have the API, with its keys."""
    raise NotFound("the page is no interface for programs", hint="see /api/v1/docs for the one that is")
