"""What is typed for an axis of an X/Y/Z plot, read as values: `1-5`, `1-5 (+2)`, `1-10 [4]`, CSV with quotes. Rule: the project's notes on A1111 (X/Y/Z plot).

Knows kinds of values, not what they are of.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from itertools import chain, permutations
from typing import Literal

import numpy as np

from modules.core.errors import InvalidRequest

Kind = Literal["int", "float", "text", "order"]
"""order: the words' permutations are the values."""
Value = int | float | str | tuple[str, ...]

MOST = 1000
"""Values of an axis."""

_INT, _FLOAT = r"[+-]?\s*\d+", r"[+-]?\s*(?:\d+\.?\d*|\.\d+)"


def _range(number: str) -> re.Pattern[str]:
    """start - end, then (step) with its sign, or [count]."""
    step = number.replace("[+-]?", "[+-]", 1)
    return re.compile(rf"\s*({number})\s*-\s*({number})\s*(?:\(\s*({step})\s*\)|\[\s*(\d+)\s*\])?\s*", re.ASCII)


_RANGES = {"int": _range(_INT), "float": _range(_FLOAT)}


def split(text: str) -> list[str]:
    """The entries of a CSV text, stripped."""
    try:
        return [entry.strip() for entry in chain.from_iterable(csv.reader(io.StringIO(text), skipinitialspace=True))]
    except csv.Error as error:
        raise InvalidRequest(f"These values cannot be read as a list: {error}.", "Separate them by commas; quote those that hold one.") from None


def join(values: Sequence[str]) -> str:
    """One line of CSV that `split` takes apart again."""
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue().strip()


def read(entries: Sequence[str], kind: Kind) -> list[Value]:
    """Raises InvalidRequest for an entry that is no value of the kind, and for more values than can be meant."""
    if kind == "order":
        if math.factorial(min(len(entries), 20)) > MOST:
            raise _too_many()
        return list(permutations(entries))
    values: list[Value] = []
    for entry in entries:
        if kind == "text":
            values.append(entry)
        elif entry:
            values += _numbers(entry, kind)
        if len(values) > MOST:
            raise _too_many()
    return values


def _numbers(entry: str, kind: Literal["int", "float"]) -> Sequence[int] | Sequence[float]:
    try:
        found = _RANGES[kind].fullmatch(entry)
        if not found:
            return [int(entry)] if kind == "int" else [float(entry)]
        number = int if kind == "int" else float
        start, end, step = (number("".join(part.split())) for part in (found[1], found[2], found[3] or "1"))
        if found[4]:
            spread = np.linspace(start, end, _affordable(int(found[4]))).tolist()
            return [int(value) for value in spread] if kind == "int" else spread
        # An upward range of whole numbers includes its end, a downward one stops short of it; one of fractions goes up to a step beyond.
        beyond = end + 1 if kind == "int" else end + step
        _affordable((beyond - start) / step)
        return list(range(int(start), int(beyond), int(step))) if kind == "int" else np.arange(start, beyond, step).tolist()  # int: for the type checker
    except (ValueError, OverflowError, ZeroDivisionError):
        noun = "a whole number" if kind == "int" else "a number"
        raise InvalidRequest(f"{entry[:80]!r} is neither {noun} nor a range of them.", "Write for example 5, 1-5, 1-9 (+2) or 1-10 [4].") from None


def _affordable(count: float) -> int:
    if count > MOST:
        raise _too_many()
    return int(count)


def _too_many() -> InvalidRequest:
    return InvalidRequest(f"That is more than {MOST} values.", "Give fewer.")
