"""The frozen description of a judge: its network, and what it may answer to each question."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from dalle_mini.config.residual import ResidualConfig
from dalle_mini.errors import ConfigError

FIELDS = ("thing", "second", "relation", "attribute", "count", "background", "style", "size")
"""What may be asked of a picture, in the order of reports; a set may have fewer."""

_MOST_CLASSES = 2**16


@dataclasses.dataclass(frozen=True)
class Field:
    """A question, such as "background", and the answers that there are to it."""

    name: str
    classes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class JudgeConfig:
    """`resolution` is that of the pictures in pixels. Under the relations in `symmetric` the thing and the second thing
    can't be told apart, so that their names count in the order of the alphabet."""

    resolution: int
    fields: tuple[Field, ...]
    network: ResidualConfig = dataclasses.field(default_factory=ResidualConfig)
    symmetric: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.network.check_resolution(self.resolution, "choose another model.patch_size, or fewer stages")
        if not self.fields:
            raise ConfigError("a judge without a field has nothing to say")
        for field in self.fields:
            if not field.name.isidentifier():
                raise ConfigError(f"a field can't be named {field.name!r}", hint="use letters and underscores")
            if not 2 <= len(field.classes) <= _MOST_CLASSES or len(set(field.classes)) < len(field.classes):
                raise ConfigError(f"the field {field.name!r} needs from 2 to {_MOST_CLASSES} different classes")

    def classes(self, name: str) -> tuple[str, ...]:
        """The answers to a question; none for one that is not asked."""
        return next((field.classes for field in self.fields if field.name == name), ())

    def in_order(self, labels: Mapping[str, str]) -> dict[str, str]:
        """`labels` as this judge gives them."""
        return order_things(labels, self.symmetric)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "JudgeConfig":
        """Read the contents of a judge's `config.json`."""
        try:
            fields = tuple(Field(name, _texts(classes)) for name, classes in values["fields"].items())
            network = ResidualConfig(**values["network"])
            return cls(values["resolution"], fields, network, _texts(values.get("symmetric", ())))
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"no judge's config: {error!r}", hint="copy it from where the weights came from"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        return {
            "model_type": "judge",
            "resolution": self.resolution,
            "network": dataclasses.asdict(self.network),
            "symmetric": list(self.symmetric),
            "fields": {field.name: list(field.classes) for field in self.fields},
        }


def order_things(labels: Mapping[str, str], symmetric: Sequence[str]) -> dict[str, str]:
    """`labels` with the two things of a relation in `symmetric` in the order of the alphabet."""
    ordered = dict(labels)
    if labels.get("relation") in symmetric and {"thing", "second"} <= labels.keys():
        ordered["thing"], ordered["second"] = sorted((labels["thing"], labels["second"]))
    return ordered


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{values!r} is not a list of texts")
    return tuple(values)
