"""How long drawings take here, from those that were drawn."""

import math

from dalle_mini.serving.order import Order

_WEIGHT_OF_NEWEST = 0.3


class Rates:
    """Moving averages of seconds, by model and number of pictures that are drawn."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, int], float] = {}

    def note(self, order: Order, seconds: float) -> None:
        key = order.model, _count(order)
        before = self._seconds.get(key, seconds)
        self._seconds[key] = before + _WEIGHT_OF_NEWEST * (seconds - before)

    def expect(self, order: Order) -> float:
        """Seconds that `order` will take: as such ones did, else in proportion; infinite for a model never used."""
        images = _count(order)
        known = {count: seconds for (model, count), seconds in self._seconds.items() if model == order.model}
        if not known:
            return math.inf
        nearest = min(known, key=lambda count: abs(count - images))
        return known[nearest] * images / nearest


def _count(order: Order) -> int:
    """How many are drawn; where the model decides that, their number goes with that of those shown."""
    return order.settings.candidates or order.settings.images
