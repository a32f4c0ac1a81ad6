"""Noise levels that a user lists instead of choosing a schedule type: read from text, checked, and written as text. Knows no sampler.

A list names the levels at which the model is asked, the noisiest first; a sampler then goes on to 0. So there are as many steps as levels.
DPM fast and DPM adaptive, which choose levels of their own, keep to the ends of the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modules.core.errors import InvalidRequest

FIELD = "spacing.sigmas"
MOST = 1000
LOWEST, HIGHEST = 1e-4, 1e4
"""float32 loses what lies below; the highest level of a model with zero terminal SNR is 4519."""
REMEDY = "Give the levels from high to low, for example 14.6, 5.5, 2.1, 0.8, 0.3, 0.03."

Levels = tuple[float, ...]


def read(given: Any) -> Any:
    """Text like "14.6, 5.5, 0.8" or "[14.6 5.5 0.8]" -> numbers; anything else as it is. Raises InvalidRequest for a word that is no number."""
    if not isinstance(given, str):
        return given
    found = []
    for word in re.findall(r"[^\s,;\[\]()]+", given):
        try:
            found.append(float(word))
        except ValueError:
            raise InvalidRequest(f"{word[:40]!r} in the list of sigmas is no number.", REMEDY, FIELD) from None
        if len(found) > MOST + 1:
            raise InvalidRequest(f"The list of sigmas has more than {MOST} levels.", "Give fewer.", FIELD)
    return found


def check(levels: Levels) -> Levels:
    """The levels without a 0 at their end, which is always gone to. Raises InvalidRequest that names the first wrong one."""
    asked = levels[:-1] if levels and levels[-1] == 0 else levels
    if levels and not asked:
        raise InvalidRequest("The list of sigmas has no level above 0, so there is no step to do.", REMEDY, FIELD)
    if len(asked) > MOST:
        raise InvalidRequest(f"The list of sigmas has {len(asked)} levels; at most {MOST} are walked.", "Give fewer.", FIELD)
    for place, level in enumerate(asked):
        if not LOWEST <= level <= HIGHEST:  # also true of what is not a number
            raise InvalidRequest(f"Level {place + 1} of the list of sigmas is {level:g}; levels lie between {LOWEST:g} and {HIGHEST:g}.", REMEDY, FIELD)
        if place and level >= asked[place - 1]:
            what = f"The list of sigmas must go down, but level {place + 1} ({level:g}) is not below the one before it ({asked[place - 1]:g})."
            raise InvalidRequest(what, REMEDY, FIELD)
    return asked


def written(levels: Sequence[float]) -> str:
    """`read` gives the same numbers back, to the last bit."""
    return ", ".join(str(int(level)) if level == int(level) else repr(float(level)) for level in levels)
