"""The grammar of templates: `__name__`, `{a|b|c}` with weights, `{2$$a|b|c}` with how many and what between; everything else is text and stays as it is.

    __animal__  __nature/tree__  __colours*__        one line of a file, of several with * and ? (** also reaches into folders)
    {a|2::b|c}                                       one of them; b twice as often
    {2$$a|b|c}  {1-2$$a|b|c}  {2$$ and $$a|b|c}      several different ones, joined by ", " or by what stands between the $$
    \\{  \\}  \\__                                      the characters themselves

A lone {x} chooses nothing and stays as it is; so do (x:1.2), [a:b:0.5], [a|b] and <lora:x:1>, also inside of braces. Any text is read, in time that grows
with its length: braces without a partner are text. The rules follow those of the dynamicprompts package (MIT), as its documentation tells them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEPTH = 20
"""Braces inside braces that are read; deeper ones stay as they are."""
SEPARATOR = ", "

_NAME = re.compile(r"__(?!_)([\w\-./*?+& ]{1,200}?)(?<!_)__")
_MANY = re.compile(r"\s*(?:(\d{1,4})?(-)(\d{1,4})?|(\d{1,4}))\$\$(?:([^|{}$]{0,100})\$\$)?")
_WEIGHT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})::")


@dataclass(frozen=True)
class Wildcard:
    """source: as written."""

    name: str
    source: str


@dataclass(frozen=True)
class Option:
    weight: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """least, most: how many of the options; None where the text leaves that end open. source: as written."""

    options: tuple[Option, ...]
    least: int | None
    most: int | None
    separator: str
    source: str


Node = str | Wildcard | Choice


def parse(text: str) -> tuple[Node, ...]:
    """Texts, wildcards and choices in order."""
    return _Reader(text).nodes(0, len(text), DEPTH)


def weighted(line: str) -> tuple[float, str]:
    """(weight, the rest) of an option or a line of a file; 1 where none is written."""
    found = _WEIGHT.match(line)
    return (float(found[1]), line[found.end() :].strip()) if found else (1.0, line.strip())


def is_name(name: str) -> bool:
    """Whether a prompt can name it."""
    return parse(f"__{name}__") == (Wildcard(name, f"__{name}__"),)


class _Reader:
    """partner: place of an opening brace -> place of its closing one. bars: inside of which square brackets a | belongs to A1111's alternation."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.partner: dict[int, int] = {}
        self.square: dict[int, int] = {}
        opened: list[int] = []
        braces = place = 0
        while place < len(text):
            mark = text[place]
            if mark == "\\":
                place += 1
            elif mark in "{[":
                opened.append(place)
                braces += mark == "{"
            elif mark == "]" and opened and text[opened[-1]] == "[":
                self.square[opened.pop()] = place
            elif mark == "}" and braces:
                while text[opened[-1]] != "{":
                    opened.pop()
                self.partner[opened.pop()] = place
                braces -= 1
            place += 1

    def nodes(self, start: int, end: int, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        begun = place = start
        while place < end:
            mark, after = self.text[place], place + 1
            node: Wildcard | Choice | None = None
            if mark == "\\" and self._escaped(place, end):
                found.append(self.text[begun:place])
                begun, after = place + 1, place + 2 + (self.text[place + 1] == "_")
            elif mark == "\\":
                after = place + 2
            elif mark == "{" and depth and self.partner.get(place, end) < end:
                node, after = self._choice(place, self.partner[place], depth), self.partner[place] + 1
                if node is None:  # a lone {x}: its braces are text, what is in them is read
                    found += [self.text[begun : place + 1], *self.nodes(place + 1, after - 1, depth - 1)]
                    begun = after - 1
            elif mark == "_" and (name := _NAME.match(self.text, place, end)) and name[1] == name[1].strip():
                node, after = Wildcard(name[1], name[0]), name.end()
            if node is not None:
                found += [self.text[begun:place], node]
                begun = after
            place = after
        found.append(self.text[begun:end])
        return tuple(node for node in found if node != "")

    def _escaped(self, place: int, end: int) -> bool:
        following = self.text[place + 1 : min(place + 3, end)]
        return following[:1] in ("{", "}") or following == "__"

    def _choice(self, start: int, end: int, depth: int) -> Choice | None:
        """Of the braces at these places; None when there is nothing to choose."""
        begun, separator = start + 1, SEPARATOR
        low: int | None = 1
        high: int | None = 1
        if many := _MANY.match(self.text, begun, end):
            begun = many.end()
            low, high = (int(many[group]) if many[group] else None for group in ((4, 4) if many[4] else (1, 3)))
            separator = SEPARATOR if many[5] is None else many[5]
        parts = self._parts(begun, end)
        if not many and len(parts) < 2:
            return None
        options = [self._option(first, last, depth) for first, last in parts]
        return Choice(tuple(options), low, high, separator, self.text[start : end + 1])

    def _option(self, start: int, end: int, depth: int) -> Option:
        weight = 1.0
        if found := _WEIGHT.match(self.text, start, end):
            weight, start = float(found[1]), found.end()
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace() and self.text[end - 2 : end - 1] != "\\":
            end -= 1
        return Option(weight, self.nodes(start, end, depth - 1))

    def _parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """What stands between the bars at this level."""
        parts, place = [], start
        while place < end:
            mark = self.text[place]
            if mark == "\\":
                place += 1
            elif mark == "{" and place in self.partner:
                place = self.partner[place]
            elif mark == "[" and self.square.get(place, end) < end:
                place = self.square[place]
            elif mark == "|":
                parts.append((start, place))
                start = place + 1
            place += 1
        return [*parts, (start, end)]
