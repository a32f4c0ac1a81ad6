"""Reads the language of prompt editing and alternation into a tree: `[from:to:when]`, `[to:when]`, `[from::when]`, `[a|b|c]`.

One linear scan; never recurses. Knows no steps (see `timeline`) and no weights: other brackets are text here.
Source: the behaviour of AUTOMATIC1111 v1.10.1, described in our own words; checked against its recorded results. The language, as a grammar:

    prompt  = (group | text)*                          brackets and colons that belong to no group are text; a stray `|` is an error
    group   = "(" inner [":" inner] ")" | "[" inner "]" | edit | choice
    edit    = "[" [inner ":"] inner ":" number "]"     the number is signed and may have spaces around it
    choice  = "[" inner ("|" inner)+ "]"
    inner   = (group | text)*                          nothing stray in here; text has no bracket, colon or bar but behind a backslash
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

_MARK = re.compile(r"\\.|[^\\\[\]():|]+|.", re.DOTALL)
_NUMBER = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")


@dataclass(frozen=True)
class Edit:
    """Shows `before` until `when` (a number, as typed), then `after`."""

    before: list[Item]
    after: list[Item]
    when: str


@dataclass(frozen=True)
class Choice:
    """Shows its options in turn."""

    options: list[list[Item]]


Item = str | Edit | Choice


@dataclass
class Tree:
    """items: the prompt. edits: all of its numbers, however deep. choices: whether there is any choice."""

    items: list[Item] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    choices: bool = False


def parse(text: str) -> Tree:
    """The tree of any text. One that is not of the language stands for itself as a whole: a single string."""
    scan = _Scan()
    try:
        return scan.read(text)
    except _NotOfTheLanguage:
        return Tree([text])


class _NotOfTheLanguage(Exception):
    """A bar that divides no choice, or a backslash with nothing behind it in its line."""


@dataclass
class _Frame:
    """An open bracket. start: where its items begin; cuts: where its colons or bars stand among them; bars: whether they are bars."""

    bracket: str
    start: int
    cuts: list[int] = field(default_factory=list)
    bars: bool = False


class _Scan:
    """One walk over the text. Items of open brackets lie flat in one list, literal brackets included, so giving a bracket up as stray costs nothing."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.items: list[Item] = []
        self.open: list[_Frame] = []

    def read(self, text: str) -> Tree:
        for mark in _MARK.finditer(text):
            word = mark[0]
            if word in ("\\", "\\\n"):
                raise _NotOfTheLanguage
            if word in ("[", "("):
                self.open.append(_Frame(word, len(self.items)))
                self.items.append(word)
            elif word in (":", "|"):
                self._cut(word)
            elif word in ("]", ")"):
                self._close(word)
            else:
                self.items.append(word)
        self._stray()
        self.tree.items = _joined(self.items)
        return self.tree

    def _cut(self, word: str) -> None:
        """A colon or a bar."""
        frame = self.open[-1] if self.open else None
        bar = word == "|"
        if bar and (frame is None or frame.bracket == "(" or (frame.cuts and not frame.bars)):
            raise _NotOfTheLanguage
        if frame:
            frame.bars = frame.bars or bar
            frame.cuts.append(len(self.items))
            if not bar and (frame.bars or len(frame.cuts) > (2 if frame.bracket == "[" else 1)):
                self._stray()
        self.items.append(word)

    def _close(self, word: str) -> None:
        if not self.open or self.open[-1].bracket != ("[" if word == "]" else "("):
            self._stray()
        elif word == "]" and self.open[-1].cuts:
            frame = self.open[-1]
            node = self._node(frame)
            if node:
                del self.items[frame.start :]
                self.items.append(node)
                self.open.pop()
                return
            self._stray()
        else:
            self.open.pop()
        self.items.append(word)

    def _stray(self) -> None:
        """What is open can no longer become groups: nothing stray may stand inside a group, so all enclosing brackets fall together."""
        if any(frame.bars for frame in self.open):
            raise _NotOfTheLanguage
        self.open.clear()

    def _node(self, frame: _Frame) -> Edit | Choice | None:
        """What stands in square brackets with cuts; None when it is an edit without a number."""
        edges = zip([frame.start, *frame.cuts], [*frame.cuts, len(self.items)], strict=True)
        parts = [self.items[start + 1 : end] for start, end in edges]
        if frame.bars:
            self.tree.choices = True
            return Choice([_joined(part) for part in parts])
        *texts, last = parts
        number = _NUMBER.fullmatch("".join(item if isinstance(item, str) else ":" for item in last))
        if number is None:
            return None
        self.tree.edits.append(number[1])
        before, after = texts if len(texts) == 2 else ([], texts[0])
        return Edit(_joined(before), _joined(after), number[1])


def _joined(items: Sequence[Item]) -> list[Item]:
    """Neighbouring strings as one."""
    joined: list[Item] = []
    for is_text, run in groupby(items, key=lambda item: isinstance(item, str)):
        if is_text:
            joined.append("".join(item for item in run if isinstance(item, str)))
        else:
            joined.extend(run)
    return joined
