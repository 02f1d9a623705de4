"""Where callers of the API order drawings and come back for them by id, under way or kept."""

import collections
import dataclasses
import hashlib
import io
import json
import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any

from dalle_mini.errors import OutputError
from dalle_mini.serving.answers import Conflict, Forbidden, NotFound
from dalle_mini.serving.order import Order
from dalle_mini.serving.reception import Reception
from dalle_mini.serving.store import Label, Record, Store
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Failed, Finished

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation

_FAILURES_REMEMBERED = 500
_WEBP_QUALITY = 90
ANIMATION = "animation.webp"
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What the one who ordered gets."""

    ticket: Ticket
    delete_token: str
    request: bytes


class Desk:
    """Orders to tickets, tickets to kept drawings."""

    def __init__(self, engine: Reception, store: Store) -> None:
        self._engine, self._store = engine, store
        self._lock = threading.Lock()
        self._receipts: collections.OrderedDict[str, Receipt] = collections.OrderedDict()
        self._orders: dict[bytes, str] = {}

    def take(self, order: Order, *, client: str, idempotency_key: str = "") -> Receipt | Record:
        """Order a drawing. The same order under the same key is the same drawing, which may be kept already.

        Overloaded where no more may wait; Conflict where another order came under the key.
        """
        request = _hash(json.dumps(dataclasses.asdict(order), sort_keys=True, default=bytes.hex))
        key = _hash(f"{client}\0{idempotency_key}") if idempotency_key else None
        with self._lock:
            self._forget()
            if key and (found := self._find_order(key)):
                if found.request != request:
                    hint = "use a new Idempotency-Key for a new order"
                    raise Conflict("another order came with this Idempotency-Key", hint=hint)
                return found
            delete_token = secrets.token_urlsafe(16)

            def keep(ticket: Ticket, generation: "Generation") -> None:
                self._keep(Label(ticket.id, delete_token, key, request), generation)

            ticket = self._engine.submit(order, client=client, keep=keep)
            receipt = self._receipts[ticket.id] = Receipt(ticket, delete_token, request)
            if key:
                self._orders[key] = ticket.id
            return receipt

    def find(self, id: str) -> Ticket | Record:
        """The drawing of that id: a ticket until it is kept. NotFound where there is none."""
        receipt = self._receipts.get(id)
        if receipt and not isinstance(receipt.ticket.news.update, Finished):
            return receipt.ticket
        if record := self._store.get(id):
            return record
        raise NotFound("no such drawing", hint="its id is mistyped, or it is no longer kept")

    def read(self, id: str, name: str) -> bytes:
        """A file of a kept drawing; NotFound where there is none."""
        content = self._store.read(id, name)
        if content is None:
            raise NotFound("no such picture", hint="it is not finished yet, or no longer kept")
        return content

    def remove(self, id: str, delete_token: str) -> None:
        """Cancel a drawing that is under way, or delete one that is kept, for which its token is needed."""
        found = self.find(id)
        if isinstance(found, Ticket):
            self._engine.cancel(found)
            self._receipts.pop(id, None)
        elif not self._store.delete(id, delete_token):
            raise Forbidden("not the delete token of this drawing", hint="it came with the answer to the order")

    def _keep(self, label: Label, generation: "Generation") -> None:
        try:
            self._store.put(label, encode_files(generation), describe(generation))
        except OutputError as error:
            _logger.error("a drawing can't be kept: %s", error)
            # Without the folder's name, which is no business of callers.
            hint = "whoever runs this server has to look after its disk"
            raise OutputError("the pictures can't be kept", hint=hint) from error

    def _find_order(self, key: bytes) -> Receipt | Record | None:
        """What became of an order; a failed one may be ordered again."""
        receipt = self._receipts.get(self._orders.get(key, ""))
        if receipt and not receipt.ticket.ended:
            return receipt
        return self._store.find_order(key)

    def _forget(self) -> None:
        """Let go of what is kept, and of the oldest failures."""
        ended = [id for id, receipt in self._receipts.items() if receipt.ticket.ended]
        failed = [id for id in ended if isinstance(self._receipts[id].ticket.news.update, Failed)]
        for id in set(ended).difference(failed[-_FAILURES_REMEMBERED:]):
            del self._receipts[id]
        self._orders = {key: id for key, id in self._orders.items() if id in self._receipts}


def describe(generation: "Generation") -> dict[str, Any]:
    """What is told of a drawing beside its pictures."""
    reading = generation.reading
    return {
        "prompt": reading.prompt,
        "model": generation.release,
        "seed": generation.seed,
        "settings": generation.settings.to_dict(),
        "way": generation.way.to_dict(),
        "recipe": generation.recipe,
        "reading": {"text": reading.text, "notes": list(reading.notes), "cut": reading.cut_text},
        "went_by": generation.went_by,
        "notes": list(generation.notes),
        "seeds": list(generation.seeds),
        "prompts": list(generation.prompts),
        "tokens": [tokens and tokens.to_text() for tokens in map(generation.tile_tokens, range(len(generation.seeds)))],
        "animation": bool(generation.frames),
        "marks": list(generation.marks),
        "verdicts": None if generation.verdicts is None else list(map(dataclasses.asdict, generation.verdicts)),
    }


def encode_files(generation: "Generation") -> dict[str, bytes]:
    """By their names: grid and pictures, as PNGs with their recipes and as smaller WebPs, and the animation."""
    from dalle_mini.animation import encode_animation
    from dalle_mini.grid import encode_png, enlarge

    files = {}
    sheets = [("grid", generation.grid(), generation.recipe)]
    for index, image in enumerate(generation.images):
        sheets.append((str(index), enlarge(image), generation.tile_recipe(index)))
    for name, image, recipe in sheets:
        files[f"{name}.png"] = encode_png(image, recipe)
        files[f"{name}.webp"] = encode_webp(image)
    if generation.frames:
        files[ANIMATION] = encode_animation(generation.frames)
    return files


def encode_webp(image: "Image.Image") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_WEBP_QUALITY)
    return buffer.getvalue()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
