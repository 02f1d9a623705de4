"""For those who run the server: is it alive, is it ready, what has it done; and the API's description for people."""

import base64
import hashlib
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from dalle_mini.serving.answers import Problem, respond
from dalle_mini.serving.http import ServiceHere
from dalle_mini.serving.limits import STRICT_POLICY
from dalle_mini.serving.schemas import API

router = APIRouter(include_in_schema=False)
_RETRY = {"Retry-After": "10"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-family:ui-monospace,monospace}h2{margin-top:2rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0;"
    "vertical-align:top}"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@router.get("/livez")
def tell_alive() -> Response:
    """The process answers."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
def tell_ready(service: ServiceHere) -> Response:
    """Orders are taken and drawn; else 503 with the reason."""
    if trouble := service.engine.trouble:
        return respond(503, Problem(type="NotReady", message=trouble, hint="try again in a minute"), _RETRY)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
def tell_metrics(service: ServiceHere) -> Response:
    return Response(service.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get(f"{API}/openapi.json")
def get_description(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


@router.get(f"{API}/docs")
def get_docs(request: Request) -> Response:
    """The same for people, without scripts."""
    policy = STRICT_POLICY.replace("default-src 'none'", f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'")
    return HTMLResponse(write_docs(request.app), headers={"Content-Security-Policy": policy})


def write_docs(app: FastAPI) -> str:
    description = app.openapi()
    operations = [
        _write_operation(method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = description["components"]["schemas"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(app.title)}</title><style>{_STYLE}</style><h1>{escape(app.title)}</h1>"
        f"<p>{escape(app.description)} For programs: <a href='openapi.json'>openapi.json</a>.</p>"
        f"{''.join(operations)}<h2>What is ordered</h2>{_write_schema(schemas['GenerationRequest'])}"
        f"<h2>What comes back</h2>{_write_schema(schemas['Generation'])}</html>"
    )


def _write_operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (f"{parameter['name']} ({parameter['in']})", parameter.get("description", ""))
        for parameter in operation.get("parameters", ())
    ]
    text = operation.get("description", operation["summary"])
    return f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(text)}</p>{_write_table(rows)}"


def _write_schema(schema: dict[str, Any]) -> str:
    return _write_table([(name, field.get("description", "")) for name, field in schema["properties"].items()])


def _write_table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{escape(text)}" for name, text in rows)
    return f"<table>{cells}</table>" if rows else ""
