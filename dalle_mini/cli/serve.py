"""`dalle-mini serve`: the page and the API."""

import argparse
import dataclasses
from typing import Any

from dalle_mini.cli.parser import Options, add_command, add_dtype, add_model, whole_number
from dalle_mini.safety.options import PICTURES
from dalle_mini.safety.prompts import MODES
from dalle_mini.serving.settings import describe_settings, read_settings

_DETAILS = f"""\
The page is at /, the interface for programs at /api/v1/docs. SIGTERM finishes the
drawings that were ordered, as far as there is time.

More is set by environment variables; docs/serving.md tells of them:

{describe_settings()}"""

_SETTINGS = ("dtype", "safety", "contact", "pictures", "public", "ray", "ray_replicas", "ray_address")


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "serve", run, help="serve the page and the API until Ctrl-C", details=_DETAILS)
    parser.add_argument(
        "--host",
        help="the address to listen at; 0.0.0.0 lets other machines in (default: $GRADIO_SERVER_NAME, or 127.0.0.1)",
    )
    parser.add_argument("--port", type=whole_number, help="the port (default: $GRADIO_SERVER_PORT, or 7860)")
    add_model(parser)
    parser.add_argument(
        "--ranker",
        metavar="DIR",
        help="directory or Hub id of the CLIP that marks this model's pictures "
        "(default: the folder clip inside the model's, if there is one)",
    )
    add_dtype(parser)
    _add_safety(parser)
    _add_ray(parser)


def _add_safety(parser: Any) -> None:
    group = parser.add_argument_group("safety", "Each is what the environment says unless given.")
    group.add_argument(
        "--safety", choices=MODES, metavar="MODE", help="which prompts are refused: off, family or strict"
    )
    group.add_argument(
        "--contact", metavar="TEXT", help="whom to tell about a mistaken refusal, such as 'write to me@example.org'"
    )
    group.add_argument(
        "--pictures",
        choices=PICTURES,
        metavar="WHEN",
        help="look at pictures, and blur what may be nudity or sex: on, off, or auto, which is on for the public and "
        "for models that may draw people",
    )
    group.add_argument(
        "--public",
        action=argparse.BooleanOptionalAction,
        help="strangers come here: what was not looked at is blurred, and what was flagged stays so",
    )


def _add_ray(parser: Any) -> None:
    group = parser.add_argument_group("more than one device", "These need the extra `ray`; see docs/serving.md.")
    group.add_argument(
        "--ray",
        action=argparse.BooleanOptionalAction,
        help="replicas of Ray Serve draw, each with an accelerator of its own where there are some",
    )
    group.add_argument(
        "--ray-replicas",
        metavar="N|MIN-MAX",
        help="how many, or from how few to how many as there is to do, such as 2-16 (default: 2)",
    )
    group.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="a cluster of Ray that is there: auto, or its address (default: start one on this machine)",
    )


def run(options: Options) -> int:
    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    settings = dataclasses.replace(read_settings(), **given)
    if settings.log_format == "json":
        from dalle_mini.serving.logs import log_json

        log_json()

    from dalle_mini.web.server import serve

    serve(host=options.host, port=options.port, model=options.model, ranker=options.ranker, settings=settings)
    return 0
