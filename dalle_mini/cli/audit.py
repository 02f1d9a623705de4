"""`dalle-mini audit`: what a model has picked up that nobody asked it for."""

from typing import Any

from dalle_mini.cli import audit_bias, audit_copies
from dalle_mini.cli.parser import add_group


def add_parser(commands: Any) -> None:
    group = add_group(commands, "audit", help="measure a model's bias, and whether it copies")
    for module in (audit_bias, audit_copies):
        module.add_parser(group)
