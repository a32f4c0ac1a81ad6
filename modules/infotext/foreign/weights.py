"""Prompts of other tools in A1111's grammar: their weights become `(text:1.2)`, characters that A1111 would read as grammar are escaped.

Every conversion is one scan.
Sources: NovelAI's documentation on strengthening; compel's syntax, which InvokeAI uses; ComfyUI's, which is A1111's without square brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modules.infotext.names import stem

Segment = tuple[str, float]

_BRACKET = re.compile(r"\\[()\[\]\\]|[()\[\]]")
_SQUARE = re.compile(r"\\[()\[\]\\]|[\[\]]")
_KEYWORD = re.compile(r"\b(AND|BREAK)\b")
_EMBEDDING = re.compile(r"\bembedding:([^\s,:()]+)")
_NOVEL = re.compile(r"(?P<open>[{\[])|(?P<close>[}\]])|(?<![\w.])(?P<number>-?\d{1,4}(?:\.\d{1,6})?)::|(?P<end>::)|[^{}\[\]:\d-]+|.", re.DOTALL)
_FACTOR = re.compile(r"(\+{1,20})|(-{1,20})|(\d{0,4}\.?\d{1,6})")
_WORD = re.compile(r"([^\s(),.\"\\]*[^\s(),.\"\\+-])(\+{1,20}|-{1,20})(?=[\s,.()\"]|\Z)")
_PIECE = re.compile(r"\\.|[()]|[^\s(),.\"\\]+|[^()\\]", re.DOTALL)
_QUOTED = re.compile(r"\"([^\"]*)\"")


def literal(text: str, *, rounds: bool = True) -> str:
    """A text that A1111 reads letter by letter. AND and BREAK go to lower case, which the tokenizer does anyway. rounds: escape round brackets too."""
    text = (_BRACKET if rounds else _SQUARE).sub(lambda mark: mark[0] if len(mark[0]) == 2 else "\\" + mark[0], text)
    return _KEYWORD.sub(lambda word: word[0].lower(), text)


def joined(segments: Iterable[Segment]) -> str:
    """(text, weight) pairs as one prompt; neighbours of equal weight become one piece, spaces stay outside the brackets."""
    parts: list[list] = []
    for text, weight in segments:
        weight = round(weight, 4)
        if parts and (parts[-1][1] == weight or not text.strip()):
            parts[-1][0].append(text)
        else:
            parts.append([[text], weight])
    return "".join(_written("".join(texts), weight) for texts, weight in parts)


def _written(text: str, weight: float) -> str:
    core = text.strip()
    if weight == 1 or not core:
        return literal(text)
    start = text.index(core)
    shown = f"{weight:.4f}".rstrip("0").rstrip(".")
    return f"{text[:start]}({literal(core)}:{shown}){text[start + len(core) :]}"


def comfy(text: str) -> str:
    """ComfyUI: round brackets mean the same, square ones are letters, embeddings have a prefix."""
    return literal(_EMBEDDING.sub(lambda found: stem(found[1]), text), rounds=False)


def novelai(text: str) -> str:
    """`{x}` 1.05, `[x]` 1/1.05, nested as often as one likes, `1.2::x::`; what is not closed acts to the end."""
    return joined(_novelai(text))


def _novelai(text: str) -> Iterator[Segment]:
    level, factor = 0, 1.0
    opened: list[int] = []
    for token in _NOVEL.finditer(text):
        if token["open"]:
            opened.append(1 if token["open"] == "{" else -1)
            level += opened[-1]
        elif token["close"] and opened:
            level -= opened.pop()
        elif token["number"]:
            factor = float(token["number"])
        elif token["end"] and factor != 1:
            factor = 1.0
        else:
            yield token[0], factor * 1.05 ** min(max(level, -60), 60)


def compel(text: str) -> tuple[str, str]:
    """(A1111's prompt, what is only near: a sentence or ""). `word++`, `(a b)1.3`, `(a b)-`, `("a", "b").blend(1, 1)`, `.and()`, `a.swap(b)`."""
    note = ""
    if ".swap(" in text:
        text, note = _swapped(text), "A1111 has no .swap(); the second text is used from the start."
    whole = text.strip()
    for method in (").and(", ").blend("):
        head, mark, arguments = whole.rpartition(method)
        parts = [joined(_compel(part)) for part in _QUOTED.findall(head)] if mark and head.startswith("(") and whole.endswith(")") else []
        if len(parts) > 1:
            return _combined(parts, None if method == ").and(" else arguments)
    return joined(_compel(text)), note


def _combined(parts: list[str], arguments: str | None) -> tuple[str, str]:
    """.and() lines conditionings up, which BREAK does; .blend() mixes them, which is nearest to AND with weights that add up to 1."""
    if arguments is None:
        return " BREAK ".join(parts), "The parts of .and() are joined by BREAK."
    shares = [float(share) for share in re.findall(r"\d{1,6}(?:\.\d{1,6})?", arguments)][: len(parts)]
    shares += [1.0] * (len(parts) - len(shares))
    total = sum(shares) or 1.0
    return " AND ".join(f"{part} :{share / total:.4f}" for part, share in zip(parts, shares, strict=True)), "A1111 has no .blend(); AND is near it."


def _swapped(text: str) -> str:
    """`cat.swap(dog)` -> `dog`: what stands before the dot, a word or a bracket, is dropped."""
    parts: list[str] = []
    place = 0
    while (dot := text.find(".swap(", place)) >= 0:
        end = text.find(")", dot)
        if end < 0:
            break
        before = text[place:dot]
        start = before.rfind("(") if before.endswith(")") else max(before.rfind(mark) for mark in (" ", ",", "\n", "(")) + 1
        parts += [before[: max(start, 0)], text[dot + len(".swap(") : end].split(",")[0]]
        place = end + 1
    return "".join(parts) + text[place:]


def _compel(text: str) -> Iterator[Segment]:
    """Brackets only group; those without a partner are letters. A weight stands right behind a bracket, a quoted text or a word."""
    opens, closes = _partners(text)
    weights, place = [1.0], 0
    while place < len(text):
        quoted, word = _QUOTED.match(text, place), _WORD.match(text, place)
        if place in opens:
            weights.append(weights[-1] * _factor(text, opens[place] + 1)[0])
            place += 1
        elif place in closes:
            if len(weights) > 1:  # a quoted text may have swallowed the bracket that belongs to this one
                weights.pop()
            place = _factor(text, place + 1)[1]
        elif quoted and _FACTOR.match(text, quoted.end()):
            factor, place = _factor(text, quoted.end())
            yield quoted[1], weights[-1] * factor
        elif word:
            yield word[1], weights[-1] * _factor(word[2], 0)[0]
            place = word.end()
        else:
            piece = _PIECE.match(text, place)
            letters = piece[0] if piece else text[place]
            yield ('"' if letters == '\\"' else letters), weights[-1]
            place += len(letters)


def _partners(text: str) -> tuple[dict[int, int], set[int]]:
    """(place of each opening bracket -> place of the one that closes it, the closing places)."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for mark in re.finditer(r"\\.|[()]", text, re.DOTALL):
        if mark[0] == "(":
            opened.append(mark.start())
        elif mark[0] == ")" and opened:
            found[opened.pop()] = mark.start()
    return found, set(found.values())


def _factor(text: str, place: int) -> tuple[float, int]:
    """(weight written at this place, where the text goes on); 1 when there is none."""
    match = _FACTOR.match(text, place)
    if not match:
        return 1.0, place
    ups, downs, number = match.groups()
    return (1.1 ** len(ups) if ups else 0.9 ** len(downs) if downs else float(number)), match.end()
