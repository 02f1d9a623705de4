"""A client of another machine's server: the same pictures, drawn there.

    from dalle_mini import Client
    with Client("http://127.0.0.1:7860") as client:
        client.generate("a kangaroo made of cheese", seed=0).save("kangaroo.png")

Who is told to come back later waits and does so by itself.
"""

import base64
import dataclasses
import io
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

import dalle_mini
from dalle_mini import errors
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.config import PLAIN, Canvas, GenerationConfig, Way
from dalle_mini.errors import Cancelled, ConfigError, DalleMiniError, Overloaded, PromptRejected
from dalle_mini.safety.verdict import Verdict

if TYPE_CHECKING:
    from PIL import Image

_API = "api/v1"
_SECONDS_BETWEEN = 0.5
_COME_BACK = (429, 503)
_PLAIN = {
    errors.ConfigError,
    errors.PromptError,
    errors.CheckpointError,
    errors.DataError,
    errors.DeviceError,
    errors.Cancelled,
}
"""Errors that take no more than words."""


@dataclasses.dataclass(frozen=True)
class RemoteReading:
    """How the server's model read the prompt; `cut_text`, its end, found no room."""

    prompt: str
    text: str
    notes: tuple[str, ...]
    cut_text: str


@dataclasses.dataclass(frozen=True)
class RemoteGeneration:
    """Finished pictures of a server; the PNGs are its own files, recipes inside."""

    id: str
    model: str
    seed: int
    seeds: tuple[int, ...]
    marks: tuple[float | None, ...]
    settings: GenerationConfig
    recipe: dict[str, Any]
    reading: RemoteReading
    went_by: str
    notes: tuple[str, ...]
    grid_png: bytes
    tile_pngs: tuple[bytes, ...]
    delete_token: str | None
    verdicts: tuple[Verdict, ...] | None = None
    """None where the server does not look at pictures; flagged ones are blurred there."""
    candidates: None = None
    """A server tells of those that it shows only."""
    animation: bytes | None = None
    """A WebP of the grid as it came about, where that was ordered."""
    prompts: tuple[str, ...] = ()
    """What every picture was drawn from."""

    @property
    def images(self) -> "tuple[Image.Image, ...]":
        return tuple(map(_open, self.tile_pngs))

    def grid(self) -> "Image.Image":
        """All pictures on one sheet."""
        return _open(self.grid_png)

    def save(self, path: str | Path) -> Path:
        """Write the grid as a PNG that carries its recipe."""
        write_whole(Path(path), self.grid_png)
        return Path(path)

    def save_tile(self, index: int, path: str | Path) -> Path:
        """Write one picture as a PNG that carries its recipe."""
        write_whole(Path(path), self.tile_pngs[index])
        return Path(path)


@dataclasses.dataclass(frozen=True)
class RemoteProgress:
    """How a drawing stands on the server; `seconds_left` and `place` are None where nobody knows."""

    state: str
    place: int | None
    seconds_left: float | None
    share: float


class Client:
    """Draws on the server at `server`, an http(s) address. `patience` is how many seconds a drawing may take in all."""

    def __init__(
        self,
        server: str,
        *,
        api_key: str = "",
        patience: float = 600,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        headers = {"User-Agent": f"dalle-mini/{dalle_mini.__version__}"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        try:
            address = httpx.URL(server)
        except httpx.InvalidURL as error:
            raise ConfigError(f"{server!r} is not an address: {error}", hint="such as http://127.0.0.1:7860") from error
        if address.scheme not in ("http", "https") or not address.host:
            raise ConfigError(f"{server!r} is not an address of a server", hint="such as http://127.0.0.1:7860")
        self._server, self._patience, self._sleep = server, patience, sleep
        self._http = httpx.Client(base_url=address, headers=headers, timeout=30, transport=transport)

    def generate(
        self,
        prompt: str,
        *,
        model: str | None = None,
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
        canvas: Canvas | None = None,
        animation: bool = False,
        on_progress: Callable[[RemoteProgress], object] = lambda progress: None,
    ) -> RemoteGeneration:
        """Draw `prompt`; what is None is the model's default, and a random seed. Kept tokens come with a `canvas`.

        DalleMiniError as the server's own: PromptError, ConfigError and so on; Overloaded or Cancelled when `patience`
        is over. Leaving early, as by Ctrl-C, cancels the drawing on the server.
        """
        order = {
            "prompt": prompt,
            "model": model,
            "images": images,
            "seed": seed,
            "guidance_scale": guidance_scale,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "candidates": candidates,
            "variety": variety,
            "not_this": not_this,
            **_describe_way(way),
            "canvas": _describe_canvas(canvas) if canvas else None,
            "animation": animation or None,
        }
        end = time.monotonic() + self._patience
        found = self._order({name: value for name, value in order.items() if value is not None}, end)
        token = found.get("delete_token")
        try:
            while found["state"] != "finished":
                on_progress(_read_progress(found))
                if found["state"] == "failed":
                    raise _read_error(found["error"], 500, 0)
                if time.monotonic() > end:
                    raise Cancelled(f"not drawn within {self._patience:.0f} seconds", hint="give it more patience")
                self._sleep(_SECONDS_BETWEEN)
                found = self._ask("GET", found["location"]).json()
        except BaseException:
            self._cancel(found)
            raise
        return self._fetch(found, token)

    def models(self) -> list[dict[str, Any]]:
        """The models of the server: name, description, whether they are there, and their defaults."""
        return self._ask("GET", f"/{_API}/models").json()["models"]

    def delete(self, generation: RemoteGeneration) -> None:
        """Delete the pictures from the server."""
        headers = {"Delete-Token": generation.delete_token or ""}
        self._ask("DELETE", f"/{_API}/generations/{generation.id}", headers=headers)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _order(self, order: dict[str, Any], end: float) -> dict[str, Any]:
        """Order, as often as it takes; Overloaded when the server still has no room in the end."""
        while True:
            try:
                return self._ask("POST", f"/{_API}/generations", json=order).json()
            except Overloaded as error:
                if time.monotonic() + error.retry_after > end:
                    raise
                self._sleep(error.retry_after)

    def _fetch(self, found: dict[str, Any], token: str | None) -> RemoteGeneration:
        result = found["result"]
        reading = result["reading"]
        return RemoteGeneration(
            id=found["id"],
            model=result["model"],
            seed=result["seed"],
            seeds=tuple(picture["seed"] for picture in result["images"]),
            marks=tuple(picture.get("mark") for picture in result["images"]),
            settings=GenerationConfig.from_dict(result["settings"]),
            recipe=result["recipe"],
            reading=RemoteReading(result["prompt"], reading["text"], tuple(reading["notes"]), reading["cut"]),
            went_by=result["went_by"],
            notes=tuple(result["notes"]),
            grid_png=self._ask("GET", result["png"]).content,
            tile_pngs=tuple(self._ask("GET", picture["png"]).content for picture in result["images"]),
            delete_token=token,
            verdicts=_read_verdicts(result["images"]),
            animation=self._ask("GET", result["animation"]).content if "animation" in result else None,
            prompts=tuple(picture.get("prompt", result["prompt"]) for picture in result["images"]),
        )

    def _cancel(self, found: dict[str, Any]) -> None:
        if found["state"] not in ("finished", "failed"):
            try:
                self._ask("DELETE", found["location"])
            except DalleMiniError:
                return

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path.lstrip("/"), **options)
        except httpx.HTTPError as error:
            hint = "check the address, and that the server runs"
            raise DalleMiniError(f"can't reach {self._server}: {error or type(error).__name__}", hint=hint) from error
        if answer.is_success:
            return answer
        raise self._explain(answer)

    def _explain(self, answer: httpx.Response) -> DalleMiniError:
        retry_after = answer.headers.get("retry-after", "")
        seconds = float(retry_after) if retry_after.isdecimal() else 10.0
        try:
            return _read_error(answer.json()["error"], answer.status_code, seconds)
        except (ValueError, KeyError, TypeError):
            message = f"{self._server} answered with status {answer.status_code}"
            if answer.status_code in _COME_BACK:
                return Overloaded(message, retry_after=seconds)
            return DalleMiniError(message, hint="is this the address of a dalle-mini server?")


def _describe_way(way: Way) -> dict[str, Any]:
    if way.kept:
        raise ConfigError("a server takes no kept tokens", hint="give it a canvas: a picture, or its tokens")
    return way.to_dict()


def _describe_canvas(canvas: Canvas) -> dict[str, Any]:
    picture = base64.b64encode(canvas.picture).decode()
    values = {"picture": picture, "tokens": canvas.tokens, "keep": canvas.keep, "repaint": canvas.repaint}
    return {name: value for name, value in values.items() if value not in ("", None)}


def _read_error(problem: dict[str, str], status: int, retry_after: float) -> DalleMiniError:
    """The server's error as an exception of the same kind, where there is one."""
    message, hint = str(problem["message"]), str(problem["hint"])
    if status in _COME_BACK:
        return Overloaded(message, hint=hint, retry_after=retry_after)
    if problem["type"] == PromptRejected.__name__:
        return PromptRejected(message, hint=hint, category=str(problem.get("category", "")))
    kind = getattr(errors, problem["type"], None)
    return kind(message, hint=hint) if kind in _PLAIN else DalleMiniError(message, hint=hint)


def _read_verdicts(pictures: list[dict[str, Any]]) -> tuple[Verdict, ...] | None:
    if not all("flagged" in picture for picture in pictures):
        return None
    return tuple(Verdict(picture["flagged"], picture["score"], picture["reason"]) for picture in pictures)


def _read_progress(found: dict[str, Any]) -> RemoteProgress:
    progress = found.get("progress")
    share = progress["done"] / progress["total"] if progress else 0.0
    return RemoteProgress(found["state"], found.get("place"), found.get("seconds_left"), share)


def _open(png: bytes) -> "Image.Image":
    from PIL import Image

    return Image.open(io.BytesIO(png))
