"""The page as an app on a phone or a desk: its manifest, its icons, and what is shown while the server is away.

Gradio's page links to `/manifest.json`; this one takes the place of Gradio's, whose icons lie at the root of a host,
also where the page does not.
"""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from dalle_mini.version import __version__
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.routes import find_words, told_in

ICONS = Path(__file__).parents[2] / "assets" / "icons"
PAGE_COLOR, PAGE_COLOR_DARK = "#fcfcfa", "#131411"
HEAD = (
    f'<meta name="theme-color" media="(prefers-color-scheme: light)" content="{PAGE_COLOR}">'
    f'<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{PAGE_COLOR_DARK}">'
    '<link rel="apple-touch-icon" href="icons/192.png">'
)
_WORKER = Path(__file__).parents[2] / "assets" / "page" / "worker.js"
_NAME = "DALL·E mini"
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{display:grid;place-content:center;gap:1rem;min-height:90vh;margin:0 1.5rem;text-align:center;"
    f"font:1.0625rem/1.5 system-ui,sans-serif;background:{PAGE_COLOR};color:#191a17}}"
    "h1{margin:0;font-size:1.75rem}p{margin:0}a{color:#39731a;padding:.75rem}"
    f"@media(prefers-color-scheme:dark){{body{{background:{PAGE_COLOR_DARK};color:#eeefe9}}a{{color:#a5d46e}}}}"
)


def build_router(pictures: Pictures) -> APIRouter:
    """The routes; they need no drawings."""
    router = APIRouter()

    @router.get("/manifest.json")
    def get_manifest(request: Request) -> Response:
        """What a browser installs. Addresses are relative to this one, wherever the page lies."""
        words = find_words(request)
        manifest = {
            "name": _NAME,
            "short_name": _NAME,
            "description": words("header.lead"),
            "lang": words.language,
            "start_url": "./",
            "scope": "./",
            "display": "standalone",
            "background_color": PAGE_COLOR,
            "theme_color": PAGE_COLOR,
            "icons": [
                {"src": "icons/192.png", "sizes": "192x192", "type": "image/png", "purpose": "any"},
                {"src": "icons/512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
                {"src": "icons/maskable.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
            ],
        }
        return JSONResponse(manifest, media_type="application/manifest+json", headers=told_in(words))

    @router.get("/worker.js")
    def get_worker() -> Response:
        """The service worker, which looks after all that lies beside it. Another version is another worker."""
        content = f"// {__version__}\n{_WORKER.read_text(encoding='utf-8')}"
        return Response(content, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    @router.get("/offline.html")
    def get_offline(request: Request) -> HTMLResponse:
        """What the worker shows while the server is away; all of it is in this one file."""
        words = find_words(request)
        title, text, again = (escape(words(f"offline.{part}")) for part in ("title", "text", "again"))
        page = (
            f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>{_NAME}</title><style>{_STYLE}</style></head>'
            f'<body><main><h1>{title}</h1><p>{text}</p><p><a href="">{again}</a></p></main></body></html>'
        )
        return HTMLResponse(page, headers=told_in(words))

    return router
