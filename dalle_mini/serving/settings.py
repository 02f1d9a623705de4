"""What an operator can set, each by an environment variable."""

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from dalle_mini.config import DTYPES, MAX_CANDIDATES, MAX_IMAGES
from dalle_mini.errors import ConfigError
from dalle_mini.safety.options import PICTURES, SafetyOptions
from dalle_mini.safety.prompts import DEFAULT_MODE, MODES

PREFIX = "DALLE_MINI_"
_SWITCHES = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)


def _setting(default: Any, help: str, **rules: Any) -> Any:
    """A field; `least`, `most`, `choices` and `pattern` say what it may be."""
    return dataclasses.field(default=default, metadata={"help": help, **rules})


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of one server; `DALLE_MINI_QUEUE_SIZE` sets `queue_size`, and so on."""

    queue_size: int = _setting(32, "drawings that may wait", least=0)
    per_client: int = _setting(8, "drawings of one caller, waiting or drawn", least=1)
    held: int = _setting(64, "page visitors over a limit who go on by themselves in turn; others are refused", least=0)
    at_once: int = _setting(8, "drawings made at once where several wait and it pays; 1: one by one", least=1)
    patience_seconds: float = _setting(600, "what has waited longer is not begun", least=1)
    step_seconds: float = _setting(300, "a device without a sign of life for so long ends the process", least=1)
    load_seconds: float = _setting(1800, "the same while a model is loaded and compiled", least=1)
    drain_seconds: float = _setting(30, "what SIGTERM leaves drawings to be finished", least=0)
    dtype: str = _setting("", f"what numbers are computed in: {', '.join(DTYPES)}", choices=("", *DTYPES))
    store: str = _setting(
        "", "folder of the drawings, or a bucket for their pictures (default: `drawings` in $DALLE_MINI_HOME)"
    )
    keep_days: float = _setting(7, "how long they are kept", least=0)
    store_megabytes: int = _setting(1024, "how much of them; the oldest make room", least=1)
    share_days: float = _setting(365, "how long a shared page may be shown", least=0.01)
    share_megabytes: int = _setting(2048, "room for shared pages; none makes room for another", least=1)
    reports_to_hide: int = _setting(3, "reports that hide a shared page until somebody has looked at it", least=1)
    base_url: str = _setting(
        "",
        "the address of this site in links (default: what a request says)",
        pattern=r"https?://[^\s/?#\"'<>@]+(/[^\s?#\"'<>]*)?",
    )
    max_body_kilobytes: int = _setting(4096, "the largest request to the API", least=1)
    max_prompt: int = _setting(2000, "characters of a prompt", least=1)
    max_images: int = _setting(36, "pictures of one drawing", least=1, most=MAX_IMAGES)
    max_candidates: int = _setting(144, "pictures drawn to choose from", least=1, most=MAX_CANDIDATES)
    orders_per_minute: float = _setting(30, "drawings that one address, or one key, may order a minute", least=0.01)
    orders_at_once: int = _setting(10, "as many at once after a pause", least=1)
    trusted_proxies: int = _setting(0, "proxies in front of the server, whose X-Forwarded-For is believed", least=0)
    api_keys: tuple[str, ...] = _setting((), "keys for the API, with commas between them; without any, it is open")
    framed_by: str = _setting("'self'", "sites that may show the page in a frame, as in frame-ancestors of a CSP")
    safety: str = _setting(DEFAULT_MODE, "which prompts are refused: `off`, `family` or `strict`", choices=MODES)
    contact: str = _setting("", "whom to tell about a mistaken refusal, such as `write to me@example.org`")
    pictures: str = _setting("auto", "whether pictures are looked at: `on`, `off` or `auto`", choices=PICTURES)
    public: bool = _setting(False, "strangers come here: nothing is shown unseen, or unblurred (on a Space: yes)")
    ray: bool = _setting(False, "replicas of Ray Serve draw, here or on more machines")
    ray_replicas: str = _setting("2", "how many, or from how few to how many, as there is to do: `2-16`")
    ray_address: str = _setting("", "a cluster of Ray that is there: `auto`, or its address (default: one of its own)")
    log_format: str = _setting("text", "`text`, or `json` for a line of JSON each", choices=("text", "json"))

    def __repr__(self) -> str:
        """Without the keys, for logs."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self._public())})"

    def _public(self) -> Iterator[tuple[str, Any]]:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            yield field.name, value if field.name != "api_keys" else f"<{len(value)}>"

    @property
    def folder(self) -> Path:
        """Where drawings are kept."""
        # Here, so that help need not read about models.
        from dalle_mini.checkpoints.releases import home

        return Path(self.store).expanduser() if self.store and not self.bucket else home() / "drawings"

    @property
    def bucket(self) -> str:
        """The address of a bucket for their pictures, such as s3://NAME/PATH; "" where they are kept in the folder."""
        return self.store.rstrip("/") if "://" in self.store else ""

    @property
    def replica_bounds(self) -> tuple[int, int]:
        """The least and the most replicas; ConfigError where they make no sense."""
        least, dash, most = self.ray_replicas.partition("-")
        with contextlib.suppress(ValueError):
            bounds = int(least), int(most if dash else least)
            if 1 <= bounds[0] <= bounds[1]:
                return bounds
        hint = "give a number such as 2, or the least and the most, such as 2-16"
        raise ConfigError(f"there can't be {self.ray_replicas!r} replicas", hint=hint)

    @property
    def safety_options(self) -> SafetyOptions:
        """What is refused, and whether pictures are looked at: by all means where the public sees them."""
        pictures = "on" if self.public and self.pictures == "auto" else self.pictures
        return SafetyOptions(self.safety, self.contact, pictures)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in the environment; ConfigError names a variable that makes no sense."""
    given: dict[str, Any] = {}
    if environment.get("SPACE_ID"):
        given = {"framed_by": "https://huggingface.co https://*.hf.space", "public": True}
    for field in dataclasses.fields(Settings):
        name = variable(field)
        if text := environment.get(name, "").strip():
            given[field.name] = _read(name, text, field)
    return Settings(**given)


def variable(field: dataclasses.Field) -> str:
    return PREFIX + field.name.upper()


def describe_settings() -> str:
    """A line for every variable, with its default."""
    lines = []
    for field in dataclasses.fields(Settings):
        usual = f" (default: {_spell(field.default)})" if field.default not in ("", ()) else ""
        lines.append(f"    {variable(field):<29} {field.metadata['help']}{usual}")
    return "\n".join(lines)


def _read(name: str, text: str, field: dataclasses.Field) -> Any:
    kind: Any = field.type
    if get_origin(kind) is tuple:
        return tuple(filter(None, map(get_args(kind)[0], map(str.strip, text.split(",")))))
    if kind is bool:
        if text.lower() not in _SWITCHES:
            raise ConfigError(f"{name}={text!r} must be yes or no", hint=_hint(field))
        return _SWITCHES[text.lower()]
    try:
        value = kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name}={text!r} is not {what}", hint=_hint(field)) from None
    if broken := _find_broken_rule(value, **field.metadata):
        raise ConfigError(f"{name}={text!r} must be {broken}", hint=_hint(field))
    return value


def _find_broken_rule(
    value: Any,
    *,
    help: str,
    least: float | None = None,
    most: float = math.inf,
    choices: tuple[str, ...] = (),
    pattern: str = "",
) -> str:
    # What is no number fails every comparison.
    if least is not None and not least <= value < math.inf:
        return f"{least} or more"
    if least is not None and value > most:
        return f"at most {most}"
    if pattern and not re.fullmatch(pattern, value):
        return "an address such as https://draw.example"
    return " or ".join(filter(None, choices)) if choices and value not in choices else ""


def _hint(field: dataclasses.Field) -> str:
    return f"it sets {field.metadata['help']}; unset, it is {_spell(field.default)}"


def _spell(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
