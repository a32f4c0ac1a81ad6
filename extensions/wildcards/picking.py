"""Expands a template by choices that a seed decides: the same template, seed and files give the same text on every machine and version.

Bounded in depth, choices and length, so that files which name each other end. Knows no file: it is handed what a name stands for.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf

from .grammar import Choice, Node, Wildcard, parse
from .shelf import Lines

PICKS = 2000
"""Choices of one text."""
AT_ONCE = 200
"""Options that one pair of braces gives."""
NESTED = 20
"""Wildcards in lines of wildcards in lines of wildcards."""


class TooMuch(Exception):
    """Why a template cannot be expanded, as a sentence."""


@dataclass
class Picker:
    """One text's choices. seed: of the picture. kind: texts of different kinds choose independently, texts of one kind alike. lines: what a name stands
    for, None when nobody knows it. longest: characters of the result. picks: (what was chosen from, what was chosen), in order. unknown: names in order."""

    seed: int
    kind: str
    lines: Callable[[str], Lines | None]
    longest: int
    picks: list[tuple[str, str]] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)
    circles: dict[str, None] = field(default_factory=dict)
    drawn: int = 0
    length: int = 0

    def expand(self, text: str) -> str:
        """The text with every choice made; what cannot be chosen stands in it as it was. Raises TooMuch."""
        return self._text(parse(text), ())

    def _text(self, nodes: Sequence[Node], inside: tuple[str, ...]) -> str:
        return "".join(self._plain(node) if isinstance(node, str) else self._chosen(node, inside) for node in nodes)

    def _plain(self, text: str) -> str:
        self.length += len(text)
        if self.length > self.longest:
            raise TooMuch(f"The template grows beyond {self.longest} characters, so it was left as it stands.")
        return text

    def _chosen(self, node: Wildcard | Choice, inside: tuple[str, ...]) -> str:
        if isinstance(node, Wildcard):
            lines = self._known(node, inside)
            if lines is None:
                return self._plain(node.source)
            found = self._text(parse(lines.texts[self._place(len(lines.texts), lines.weights)]), (*inside, node.name))
        else:
            found = self._several(node, inside)
        if not inside:
            self.picks.append((node.source, found))
        return found

    def _several(self, node: Choice, inside: tuple[str, ...]) -> str:
        """Different ones: what is chosen is out. A wildcard that stands alone among the braces gives its lines as options."""
        texts: list[str | tuple[Node, ...]] = [option.nodes for option in node.options]
        weights = [option.weight for option in node.options]
        alone = node.options[0].nodes[0] if len(node.options) == 1 and len(node.options[0].nodes) == 1 else ""
        if isinstance(alone, Wildcard) and (lines := self._known(alone, inside)):
            texts, weights, inside = [*lines.texts], [*lines.weights], (*inside, alone.name)
        low = min(node.least or 0, len(texts), AT_ONCE)
        high = len(texts) if node.most is None else min(node.most, len(texts))
        high = max(low, min(high, AT_ONCE))
        found = []
        for _ in range(low + self._place(high - low + 1) if high > low else low):
            place = self._place(len(texts), weights)
            text = texts.pop(place)
            if weights:
                weights.pop(place)
            found.append(self._text(parse(text) if isinstance(text, str) else text, inside))
        return node.separator.join(found)

    def _known(self, node: Wildcard, inside: tuple[str, ...]) -> Lines | None:
        """The lines that a wildcard stands for; None when there are none, or when it leads back to itself."""
        found = self.lines(node.name)
        if found is None or not found.texts:
            self.unknown[node.name] = None
        elif node.name in inside or len(inside) >= NESTED:
            self.circles[node.name] = None
        else:
            return found
        return None

    def _place(self, count: int, weights: Sequence[float] = ()) -> int:
        """Of one among that many, in proportion to their weights; all alike without weights, or where none is above 0."""
        self.drawn += 1
        if self.drawn > PICKS:
            raise TooMuch(f"The template makes more than {PICKS} choices, so it was left as it stands.")
        digest = hashlib.sha256(f"easel wildcards 1/{self.seed}/{self.kind}/{self.drawn}".encode()).digest()
        number = int.from_bytes(digest[:8], "big")
        whole = list(accumulate(weights))
        if not whole or not 0 < whole[-1] < inf:
            return number * count >> 64
        place = bisect_right(whole, number / 2**64 * whole[-1])
        return min(place, max(one for one, weight in enumerate(weights) if weight))
