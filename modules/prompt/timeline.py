"""Which text a prompt with editing and alternation means at which step.

Takes any text, never raises and never recurses; its time is linear in the text's length and in that of the result. Knows no weights and no AND.
Source: the behaviour of AUTOMATIC1111 v1.10.1 (parity rules 7.2 and 16); checked against its recorded results.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from modules.prompt.editing import Edit, Item, parse

Timeline = list[tuple[int, str]]
"""(last step, text), ascending. The entry to use is the first whose last step is not below the number of denoiser calls made so far, counted from 0."""

_Live = tuple[int, ...]


def timeline(text: str, steps: int, first_pass_steps: int | None = None, old: bool = False) -> Timeline:
    """The texts of a run of `steps` steps (count them double for samplers of second order).

    when: with a point in it a share of the steps, without one a step. Edits that end before step 1 never show; later ones than `steps` end there.
    first_pass_steps: given for a hires pass. Shares then run from 1 to 2 and steps go on counting after the first pass's.
    old: A1111's rule before 1.6. Numbers below 1 are shares, all others steps; a hires pass repeats the timeline of the first pass.
    """
    steps = max(steps, 1)
    if old and first_pass_steps is not None:
        steps, first_pass_steps = max(first_pass_steps, 1), None
    if "[" not in text:
        return [(steps, text)]
    tree = parse(text)
    step_of = {number: _step(number, steps, first_pass_steps, old) for number in tree.edits}
    ends = range(1, steps + 1) if tree.choices else sorted({steps, *(step for step in step_of.values() if step >= 1)})
    return list(zip(ends, _texts(tree.items, tuple(ends), step_of), strict=True))


def _step(number: str, steps: int, first_pass_steps: int | None, old: bool) -> int:
    """The last step of an edit's first text; 0 when it never shows."""
    value = float(number)
    if old:
        value = value * steps if value < 1 else value
    elif "." in number:
        value = (value - (0.0 if first_pass_steps is None else 1.0)) * steps
    else:
        value -= first_pass_steps or 0
    return int(min(max(value, 0.0), float(steps)))


def _texts(items: list[Item], ends: _Live, step_of: dict[str, int]) -> list[str]:
    """The text at each of `ends`: one walk for all of them, in which every branch carries along the steps that take it."""
    turns = cache(_turns)
    pieces: dict[int, list[str]] = {end: [] for end in ends}
    walk: list[tuple[Iterator[Item], _Live]] = [(iter(items), ends)]
    while walk:
        branch, live = walk[-1]
        for item in branch:
            if isinstance(item, str):
                for end in live:
                    pieces[end].append(item)
                continue
            if isinstance(item, Edit):
                cut = bisect_right(live, step_of[item.when])
                branches = [(item.before, live[:cut]), (item.after, live[cut:])]
            else:
                branches = [(item.options[turn], part_live) for turn, part_live in turns(live, len(item.options))]
            walk.extend((iter(part), part_live) for part, part_live in branches if part and part_live)
            break
        else:
            walk.pop()
    return ["".join(pieces[end]) for end in ends]


def _turns(live: _Live, options: int) -> list[tuple[int, _Live]]:
    """Which steps each option of a choice gets."""
    turns: dict[int, list[int]] = {}
    for end in live:
        turns.setdefault((end - 1) % options, []).append(end)
    return [(turn, tuple(part)) for turn, part in turns.items()]
