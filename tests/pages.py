"""Pages of HTML, read as a browser would begin to."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page, with a check that every one is closed."""

    EMPTY = {"meta", "img", "path", "polyline", "link", "input"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.text = text
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def reaches_out(self) -> bool:
        """Whether it has a script, or anything that is not inside it."""
        return bool(self.named("script") or self.named("link") or re.search(r"https?:|url\(|@import", self.text))
