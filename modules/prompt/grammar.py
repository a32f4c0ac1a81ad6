"""Reads the parts of a prompt that are decided by its text alone: comments, `<network:arguments>`, AND, weights and BREAK.

Every function takes any text and never raises. All are linear in its length: each is a single scan, and at most `DEPTH` brackets weigh on one word.
Knows no tokens, no steps (see `timeline`) and no model.

Source: the behaviour of AUTOMATIC1111 v1.10.1, described in our own words; checked against its recorded results.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby

from modules.core.groups.sampling import Emphasis

BREAK = "BREAK"
ROUND, SQUARE = 1.1, 1 / 1.1
DEPTH = 64
"""So many open brackets have an effect (1.1 to the 64th is 446); deeper ones are read, but weigh nothing."""
WEIGHT_LIMIT = 1e4
"""Either way from 0. Keeps every weight finite, whatever is typed: 1e4 to the 64th still is a number."""

Fragments = list[tuple[str, float]]

_LINE_COMMENT = re.compile(r"(?:\A|\n)#[^\n]*\n?")
_COMMENT = re.compile(r"#[^\n]*\n?")
_NETWORK = re.compile(r"<(\w+):")
_AND = re.compile(r"\bAND\b")
_BREAK = re.compile(r"\bBREAK\b")
_AND_WEIGHT = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")
_PIECE = re.compile(
    r"\\[()\[\]\\]"  # an escaped character
    r"|[()\[\]\\]"
    r"|:\s*(?P<number>[-+]?[.\d]+)\s*\)"  # the end of a (text:weight)
    r"|[^()\[\]\\:]+|:"
)


@dataclass(frozen=True)
class Network:
    """One `<kind:name:argument:key=value>` of a prompt. args: what follows the name, in order; named: the `key=value` ones among them."""

    kind: str
    name: str
    args: tuple[str, ...] = ()
    named: dict[str, str] = field(default_factory=dict)


def strip_comments(text: str) -> str:
    """Removes `# ...`. A line that is a comment as a whole goes with its line end; behind words, the line end stays. There is no escape.

    Two passes, as in the original: of two comment lines in a row the second leaves an empty line.
    """
    return _COMMENT.sub("\n", _LINE_COMMENT.sub("\n", text))


def networks(text: str) -> tuple[str, list[Network]]:
    """The text without its `<kind:...>` marks, and what they say. A mark without its `>` stays text."""
    kept: list[str] = []
    found: list[Network] = []
    done = start = 0
    while mark := _NETWORK.search(text, start):
        end = text.find(">", mark.end())
        if end < 0:
            break
        start = mark.end()
        if end > start:
            name, *rest = text[start:end].split(":")
            pairs = [item.partition("=") for item in rest]
            args = tuple(key for key, equals, _ in pairs if not equals)
            found.append(Network(mark[1], name, args, {key: value for key, equals, value in pairs if equals}))
            kept.append(text[done : mark.start()])
            done = start = end + 1
    return "".join(kept) + text[done:], found


def split_and(text: str) -> list[tuple[str, float]]:
    """The parts between `AND`s, each with the weight that a trailing `:number` gives it (1 without one; it may be negative)."""
    parts = []
    for part in _AND.split(text):
        words, colon, tail = part.rpartition(":")
        if colon and _AND_WEIGHT.fullmatch(tail.strip()):
            parts.append((words.rstrip(), _limited(float(tail))))
        else:
            parts.append((part.rstrip(), 1.0))
    return parts


def fragments(text: str, emphasis: Emphasis = "Original") -> Fragments:
    """The text in pieces of equal weight, in order: `(x)` 1.1, `[x]` 1/1.1, `(x:1.5)` 1.5, nested ones multiplied, a backslash for literal brackets.

    Round and square brackets are matched independently; one that is never closed acts to the end; one that was never opened is text, as is a weight that
    is no number. `BREAK` becomes ("BREAK", -1.0): only at exactly that weight does it break, so inside weighted brackets it is a word, as in the original.
    With emphasis "None" nothing is parsed. There is always at least one piece.
    """
    if emphasis == "None":
        return [(text, 1.0)]
    pieces = _Pieces()
    for token in _PIECE.finditer(text):
        word = token[0]
        if word[0] == "\\":
            pieces.add(word[1:])
        elif word == "(":
            pieces.open(pieces.round)
        elif word == "[":
            pieces.open(pieces.square)
        elif word == ")" and pieces.round:
            pieces.weigh(pieces.round.pop(), ROUND)
        elif word == "]" and pieces.square:
            pieces.weigh(pieces.square.pop(), SQUARE)
        elif token["number"] and pieces.round:
            number = _number(token["number"])
            if number is None:
                pieces.add(word[:-1])
            pieces.weigh(pieces.round.pop(), ROUND if number is None else number)
        else:
            pieces.add_with_breaks(word)
    for brackets, factor in ((pieces.round, ROUND), (pieces.square, SQUARE)):
        for start in brackets:
            pieces.weigh(start, factor)
    return pieces.merged()


class _Pieces:
    """Texts and their weights. Weights are multiplied as brackets close, innermost first: another order would round otherwise and merge other neighbours.

    round, square: the pieces before which the brackets that are open now began; None for one that is too deep to weigh.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.weights: list[float] = []
        self.round: list[int | None] = []
        self.square: list[int | None] = []

    def open(self, brackets: list[int | None]) -> None:
        brackets.append(len(self.texts) if len(self.round) + len(self.square) < DEPTH else None)

    def add(self, text: str, weight: float = 1.0) -> None:
        self.texts.append(text)
        self.weights.append(weight)

    def add_with_breaks(self, text: str) -> None:
        # Stripping the parts does what `\s*` around BREAK would do, without its quadratic time on long runs of spaces.
        first, *rest = _BREAK.split(text)
        self.add(first.rstrip() if rest else first)
        for index, part in enumerate(rest, 1):
            self.add(BREAK, -1.0)
            self.add(part.lstrip() if index == len(rest) else part.strip())

    def weigh(self, start: int | None, factor: float) -> None:
        if start is not None:
            self.weights[start:] = [weight * factor for weight in self.weights[start:]]

    def merged(self) -> Fragments:
        """Neighbours of equal weight become one piece, because they are tokenized as one."""
        runs = groupby(zip(self.texts, self.weights, strict=True), key=lambda piece: piece[1])
        return [("".join(text for text, _ in run), _limited(weight)) for weight, run in runs] or [("", 1.0)]


def _number(text: str) -> float | None:
    try:
        return _limited(float(text))
    except ValueError:
        return None


def _limited(weight: float) -> float:
    return min(max(weight, -WEIGHT_LIMIT), WEIGHT_LIMIT)
