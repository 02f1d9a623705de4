"""Which words of a prompt a model goes by: read with the `lexicon.tsv` that a release may bring.

A row is a word or phrase, a kind and what it stands for. Phrases are looked up longest first, without articles, and
then put in order as English does: adjectives before their noun, materials after "made of", a place after its
preposition. Words that no row has are passed over. Nothing here changes what the model sees; it tells the user what was
understood.
"""

import collections
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import emoji

from dalle_mini.errors import CheckpointError

LEXICON_FILE = "lexicon.tsv"

_ARTICLES = frozenset(("a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "that", "some"))
_PLACES_AFTER = frozenset(
    "in on at inside into through across over above under underneath below beneath around from along"
    " within outside against exploring visiting".split()
)
_GROUNDS = frozenset(("background", "backdrop", "wall", "backgrounds"))
_TOKEN = re.compile(r"[a-z0-9]+(?:[.&][a-z0-9]+)*|[,;:.!?()|]|&")
_LONGEST = 6


@dataclass(frozen=True)
class Reading:
    """What a prompt names: `labels` by field, and the words it went by as (typed, what it stands for)."""

    labels: Mapping[str, str]
    words: tuple[tuple[str, str], ...]

    def sentence(self, model: str) -> str:
        """One line for the user."""
        if not self.words:
            return f"none of these words are known to {model}; it draws what comes to mind"
        shown = [typed if typed == meant else f"{typed} ({meant})" for typed, meant in dict.fromkeys(self.words)]
        return f"went by: {', '.join(shown)}"


@dataclass(frozen=True)
class Mention:
    """A phrase of the prompt with what it may stand for, by kind."""

    typed: str
    meanings: Mapping[str, tuple[str, ...]]

    def get(self, kind: str) -> str:
        return self.meanings.get(kind, ("",))[0]


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Meanings by phrase and kind; `worn` are the things that are worn."""

    phrases: Mapping[str, Mapping[str, tuple[str, ...]]]
    worn: frozenset[str] = frozenset()

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "Lexicon":
        """Read a release's lexicon; CheckpointError where a line has not three fields."""
        phrases: dict[str, dict[str, tuple[str, ...]]] = {}
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            fields = line.split("\t")
            if len(fields) != 3:
                raise CheckpointError(
                    f"{path}, line {number}: expected word, kind and meaning, found {line!r}",
                    hint="download the model again",
                )
            word, kind, meaning = fields
            kinds = phrases.setdefault(" ".join(_tokens(word)), {})
            kinds[kind] = tuple(dict.fromkeys((*kinds.get(kind, ()), meaning)))
        worn = {meaning for kinds in phrases.values() for meaning in kinds.get("worn", ())}
        return cls(phrases, frozenset(worn))

    @classmethod
    def from_directory(cls, path: str | os.PathLike) -> "Lexicon | None":
        """The lexicon of a release's folder, where it brings one."""
        file = Path(path) / LEXICON_FILE
        return cls.from_file(file) if file.is_file() else None

    def read(self, prompt: str) -> Reading:
        """Tell what the prompt names."""
        sentence = _Sentence(self._mentions(_tokens(prompt)), self.worn)
        return sentence.read()

    def _mentions(self, tokens: list[str]) -> list[Mention]:
        """The prompt cut into known phrases, longest first; unknown words have no meanings."""
        found, at = [], 0
        while at < len(tokens):
            for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
                typed = " ".join(tokens[at : at + length])
                meanings = self._find(typed)
                if meanings or length == 1:
                    found.append(Mention(typed, meanings))
                    at += length
                    break
        return found

    def _find(self, phrase: str) -> Mapping[str, tuple[str, ...]]:
        if phrase in self.phrases:
            return self.phrases[phrase]
        for single in _singulars(phrase):
            known = self.phrases.get(single, {})
            if "thing" in known:
                return {
                    "things": known["thing"],
                    **{kind: known[kind] for kind in ("worn", "background") if kind in known},
                }
            if "background" in known:
                return {"background": known["background"]}
        return {}


def read_styles(path: str | os.PathLike) -> tuple[str, ...]:
    """Every style of a lexicon's file, in words that may stand behind a prompt.

    Those are its name where that is a phrase, else the shortest phrase that begins with it.
    """
    phrases = collections.defaultdict(list)
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        phrase, _, rest = line.partition("\t")
        kind, _, name = rest.partition("\t")
        if kind == "style":
            phrases[name].append(phrase)
    return tuple(sorted(_choose_phrase(*each) for each in phrases.items()))


def _choose_phrase(name: str, phrases: list[str]) -> str:
    if name in phrases:
        return name
    return min((phrase for phrase in phrases if phrase.startswith(name)), key=len, default=name)


@dataclass
class _Sentence:
    """Goes through the mentions once, from left to right."""

    mentions: list[Mention]
    worn: frozenset[str]
    labels: dict[str, str] = field(default_factory=dict)
    words: list[tuple[str, str]] = field(default_factory=list)
    pending: list[tuple[str, str, str]] = field(default_factory=list)  # (typed, field, value) of a noun to come
    relation: Mention | None = None
    signs: list[str] = field(default_factory=list)

    def read(self) -> Reading:
        for at, mention in enumerate(self.mentions):
            self._take(at, mention)
        self._settle()
        if "thing" in self.labels and "second" not in self.labels:
            self.labels.pop("relation", None)
        if "relation" in self.labels:
            self.labels.pop("count", None)
            self.labels.pop("size", None)
        return Reading(self.labels, tuple(self.words))

    def _take(self, at: int, mention: Mention) -> None:
        meanings, before = mention.meanings, self._typed(at - 1)
        sign = emoji.is_emoji(mention.typed)
        if "filler" in meanings and not {"thing", "color", "size"} & set(meanings):
            return
        if "made" in meanings:
            return
        if "place" in meanings and not (sign and "thing" not in self.labels and "thing" in meanings):
            self._name("background", mention, "place")
        elif "material" in meanings and (self._made(at - 1) or (sign and "thing" in self.labels)):
            self._name("attribute", mention, "material")
        elif "style" in meanings and not self._is_before_noun(at, "style"):
            self._name("style", mention, "style")
        elif "color" in meanings and self._typed(at + 1) in _GROUNDS or "color" in meanings and before == "plain":
            self._name("background", mention, "color", "plain ")
            self.pending.clear()
        elif "background" in meanings and before in _PLACES_AFTER | {"of"} and "background" not in self.labels:
            self._name("background", mention, "background")
        elif ("color" in meanings or "material" in meanings) and (
            self._is_before_noun(at, "") or not {"thing", "things"} & set(meanings)
        ):
            kind = "color" if "color" in meanings else "material"
            value = mention.get(kind) if kind == "color" else f"of {mention.get(kind)}"
            self.pending.append((mention.typed, "attribute", value))
        elif "size" in meanings or "count" in meanings:
            kind = "size" if "size" in meanings else "count"
            self.pending.append((mention.typed, kind, mention.get(kind)))
        elif "thing" in meanings or "things" in meanings:
            if not self._is_modifier(at):
                self._thing(mention, sign)
        elif "background" in meanings:
            self._name("background", mention, "background")
        elif "relation" in meanings:
            self._settle()
            self.relation = mention
        elif mention.typed in ",.;:|":
            self._settle()

    def _thing(self, mention: Mention, sign: bool) -> None:
        kind = "thing" if "thing" in mention.meanings else "things"
        name = mention.get(kind)
        if sign:
            self.signs.append(name)
        if "thing" not in self.labels:
            self.labels["thing"] = name
            for typed, label, value in self.pending:
                self._put(label, value, typed)
            if kind == "thing":
                self.labels.setdefault("count", "1")
        elif sign and self.signs[0] == name:
            self.labels["count"] = str(len(self.signs))
        elif "second" not in self.labels and (self.relation or sign):
            self.labels["second"] = name
            self.labels["relation"] = self._relation(name)
        else:
            return
        self.pending.clear()
        self.relation = None
        self.words.append((mention.typed, name))

    def _relation(self, second: str) -> str:
        meanings = self.relation.meanings["relation"] if self.relation else ("next to",)
        if "wearing" in meanings and len(meanings) > 1:
            return "wearing" if second in self.worn else next(each for each in meanings if each != "wearing")
        return meanings[0]

    def _settle(self) -> None:
        """Adjectives that no noun followed belong to the thing before: "a cat, red"."""
        if "thing" in self.labels and "second" not in self.labels:
            for typed, label, value in self.pending:
                self._put(label, value, typed)
        if "thing" in self.labels:
            self.pending.clear()

    def _put(self, label: str, value: str, typed: str) -> None:
        if label not in self.labels:
            self.labels[label] = value
            self.words.append((typed, value.removeprefix("of ")))

    def _name(self, label: str, mention: Mention, kind: str, before: str = "") -> None:
        value = before + mention.get(kind)
        if kind == "material":
            value = f"of {value}"
            if "second" in self.labels:
                return
        self._put(label, value, mention.typed)
        self.relation = None if kind in ("place", "background") else self.relation

    def _typed(self, at: int) -> str:
        return self.mentions[at].typed if 0 <= at < len(self.mentions) else ""

    def _made(self, at: int) -> bool:
        """Whether "made of" stands there, with adjectives at most in between."""
        while 0 <= at and not self.mentions[at].meanings:
            at -= 1
        return at >= 0 and "made" in self.mentions[at].meanings

    def _is_before_noun(self, at: int, kind: str) -> bool:
        """Whether a noun follows at once, or after other adjectives."""
        if kind == "style":
            return False
        for mention in self.mentions[at + 1 :]:
            if {"thing", "things"} & set(mention.meanings):
                return not emoji.is_emoji(mention.typed)
            if not {"color", "material", "size", "filler"} & set(mention.meanings):
                return False
        return False

    def _is_modifier(self, at: int) -> bool:
        """Whether the next word is a thing too: in "robot cat" the last one counts."""
        following = self.mentions[at + 1] if at + 1 < len(self.mentions) else None
        if following is None or emoji.is_emoji(following.typed) or "relation" in following.meanings:
            return False
        return bool({"thing", "things"} & set(following.meanings)) and "thing" in self.mentions[at].meanings


def _tokens(text: str) -> list[str]:
    """Words, signs and emoji in lower case, without articles and possessives."""
    text = text.lower().replace("\u2019", "'").replace("'s", "").replace("'", "").replace("\ufe0f", "")
    parts: list[str] = []
    end = 0
    for found in [] if text.isascii() else emoji.emoji_list(text):
        parts += _TOKEN.findall(text[end : found["match_start"]])
        parts.append(found["emoji"])
        end = found["match_end"]
    parts += _TOKEN.findall(text[end:])
    return [part for part in parts if part not in _ARTICLES]


def _singulars(phrase: str) -> Iterable[str]:
    """What a plural may be the plural of."""
    if len(phrase) > 3 and phrase.endswith("s"):
        yield phrase[:-1]
        if phrase.endswith("ies"):
            yield f"{phrase[:-3]}y"
        if phrase.endswith("es"):
            yield phrase[:-2]
        if phrase.endswith("ves"):
            yield f"{phrase[:-3]}f"
    if phrase.endswith("men"):
        yield f"{phrase[:-3]}man"
