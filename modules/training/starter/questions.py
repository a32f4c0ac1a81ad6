"""What a model is asked to draw when it is measured, and the table of what came of it. Prompts are plain sentences of the grammar; knows no engine, and draws nothing.

Rows: ground and thing of every plain prompt; the same for the one colour that each thing was never shown on, against others; places, landscapes, sizes, numbers, styles;
two things, each on its side; a thing painted over by another one, a scene continued beyond its side; weights in prompts, and negative prompts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from modules.training.starter.judges import Judge, half, sides
from modules.training.starter.scenes import (
    COLOURS,
    LANDSCAPES,
    PLACES,
    RELATIONS,
    STYLES,
    Ground,
    Relation,
    Scene,
    Size,
    article,
    caption,
    kept_apart,
    pair,
    said,
    several,
    single,
)

SEED = 90_001
"""Of the noise of the first picture. Training takes its noise from hashes, 63 bits long."""
PLAIN_OF_EACH = 4
THINGS = 48
"""At most so many things are asked for in a row."""


OUTSIDE = 0.25
"""Share of the width, at the right, that outpainting is asked for."""


class Question(NamedTuple):
    """set: the row it is for. prompt, seed: of the picture. scene: what it should show. start: what the picture shows before its middle is drawn anew, or, of an
    outpainting, what is cut off at the right. negative: prompt."""

    set: str
    prompt: str
    seed: int
    scene: Scene
    start: Scene | None = None
    negative: str = ""


class Row(NamedTuple):
    """What was measured, right answers, asked, and how often chance would be right."""

    what: str
    right: int
    asked: int
    chance: float


def asked(names: Sequence[str], plurals: Mapping[str, str], seed: int = 1, most: int = THINGS) -> list[Question]:
    """names: what the model knows. most: things of them that are asked for; fewer for a quick look."""
    dice = random.Random(seed)
    some = list(names) if len(names) <= most else dice.sample(list(names), most)
    found: list[tuple[str, Scene]] = []
    for name in some:
        colours = [colour for colour in COLOURS if colour != kept_apart(name)]
        found += [
            ("apart" if colour == kept_apart(name) else "plain", _on(single(dice, name), colour)) for colour in (kept_apart(name), *dice.sample(colours, 3))
        ]
    several_of = max(1, most // 8)
    for place in PLACES:
        found += [("place", _on(single(dice, name, "", place), dice.choice(list(COLOURS)))) for name in _few(dice, some, several_of)]
    for kind in LANDSCAPES:
        found += [("landscape", replace(single(dice, name), ground=Ground(kind))) for name in _few(dice, some, several_of)]
    relations: tuple[Relation, ...] = tuple(RELATIONS)
    for relation in relations:
        found += [("pair", _on(pair(dice, _few(dice, names, 2), relation), dice.choice(list(COLOURS)))) for _ in range(max(1, most // 5))]
    sizes: tuple[Size, ...] = ("small", "large")
    for size in sizes:
        found += [("size", _on(single(dice, name, size), dice.choice(list(COLOURS)))) for name in _few(dice, some, 2 * several_of)]
    for count in (2, 3):
        found += [("count", _on(several(dice, name, count), dice.choice(list(COLOURS)))) for name in _few(dice, some, 2 * several_of)]
    for style in STYLES:
        found += [("style", replace(_on(single(dice, name), "white"), style=style)) for name in _few(dice, some, several_of)]
    wanted = [Question(kind, caption(scene, plurals), SEED + number, scene) for number, (kind, scene) in enumerate(found)]
    few = max(1, most // 3)
    return [
        *wanted,
        *_edited(dice, names, plurals, few),
        *_continued(random.Random(seed + 1), names, plurals, few),
        *_decided(random.Random(seed + 2), names, few),
    ]


def _edited(dice: random.Random, names: Sequence[str], plurals: Mapping[str, str], count: int) -> list[Question]:
    """Pictures whose thing is to become another one, and prompts in which a weight decides between two things."""
    found: list[Question] = []
    for number in range(count):
        before, after = (_on(single(dice, name), "white") for name in _few(dice, names, 2))
        first, second = (one.things[0].name for one in (before, after))
        colour = dice.choice(list(COLOURS))
        again = _on(after, colour)
        found.append(Question("inpaint", caption(again, plurals), SEED + 10_000 + number, again, _on(before, colour)))
        for place, (weight, wins) in enumerate(((1.7, after), (0.4, before))):
            sentence = f"{article(first)} {first} ({second}:{weight}) {said(after.ground)}"
            found.append(Question("weight", sentence, SEED + 20_000 + 2 * number + place, wins))
    return found


def _continued(dice: random.Random, names: Sequence[str], plurals: Mapping[str, str], count: int) -> list[Question]:
    """Scenes whose right side, where nothing stands, is to be drawn: half of them landscapes."""
    found: list[Question] = []
    for number in range(count):
        whole = single(dice, dice.choice(list(names)), "", "left")
        whole = replace(whole, ground=Ground(dice.choice(list(LANDSCAPES)))) if number % 2 else _on(whole, dice.choice(list(COLOURS)))
        found.append(Question("outpaint", caption(whole, plurals), SEED + 30_000 + number, whole, whole))
    return found


def _decided(dice: random.Random, names: Sequence[str], count: int) -> list[Question]:
    """Prompts that name two colours, or two things, where a weight or a negative prompt says which of them is meant: both are asked for by turns, so that
    whoever heeds neither is right every second time."""
    found: list[Question] = []
    for number in range(count):
        before, after = (single(dice, name) for name in _few(dice, names, 2))
        first, second = (one.things[0].name for one in (before, after))
        red, blue = dice.sample(list(COLOURS), 2)
        place = SEED + 40_000 + 4 * number
        for turn, (weight, wins) in enumerate(((1.5, blue), (0.5, red))):
            sentence = f"{article(first)} {first} on {article(red)} {red} ({blue}:{weight}) background"
            found.append(Question("weighed colour", sentence, place + turn, _on(before, wins)))
        for turn, (negative, left) in enumerate(((first, after), (second, before))):
            sentence = f"{article(first)} {first} {second} on {article(blue)} {blue} background"
            found.append(Question("negative", sentence, place + 2 + turn, _on(left, blue), negative=negative))
    return found


def scored(questions: Sequence[Question], pictures: Sequence[np.ndarray], judge: Judge) -> list[Row]:
    """pictures: [H, W, 3] uint8, one for each question."""
    told = judge.answers(pictures)
    things, grounds = len(judge.known["thing"]) - 1, len(judge.known["ground"])
    rows: list[Row] = []

    def row(what: str, sets: Sequence[str], chance: float, right: Mapping[int, bool]) -> None:
        places = [number for number, one in enumerate(questions) if one.set in sets]
        if places:
            rows.append(Row(what, sum(right[number] for number in places), len(places), chance))

    ground = {n: told[n]["ground"] == one.scene.ground.name for n, one in enumerate(questions)}
    thing = {n: told[n]["thing"] == one.scene.things[0].name for n, one in enumerate(questions)}
    both = {n: ground[n] and thing[n] for n in ground}
    place = {n: told[n]["place"] == one.scene.place for n, one in enumerate(questions)}
    row("background colour", ("plain", "apart"), 1 / grounds, ground)
    row("object, in the middle", ("plain", "apart"), 1 / things, thing)
    row("object, with a place", ("place",), 1 / things, thing)
    row("place", ("place",), 1 / 9, place)
    row("object and colour that were never shown together", ("apart",), 1 / things / grounds, both)
    row("object and colour, others", ("plain",), 1 / things / grounds, both)
    row("landscape", ("landscape",), 1 / grounds, ground)
    row("object in a landscape", ("landscape",), 1 / things, thing)
    row("size", ("size",), 1 / 3, {n: told[n]["size"] == one.scene.size for n, one in enumerate(questions)})
    row("two or three of them", ("count",), 1 / 3, {n: told[n]["count"] == str(one.scene.count) for n, one in enumerate(questions)})
    row("inpainting puts another object there", ("inpaint",), 1 / things, thing)
    continued = _outside(questions, pictures, judge)
    row("outpainting continues the scene", ("outpaint",), 1 / grounds, {n: continued.get(n) == one.scene.ground.name for n, one in enumerate(questions)})
    row("a weight decides between two objects", ("weight",), 1 / things, thing)
    row("a weight decides between two colours", ("weighed colour",), 1 / grounds, ground)
    row("a negative prompt decides between two objects", ("negative",), 1 / things, thing)
    row("style", ("style",), 1 / 4, {n: told[n]["style"] == one.scene.style for n, one in enumerate(questions)})
    return rows + _pairs(questions, pictures, judge, things)


def _outside(questions: Sequence[Question], pictures: Sequence[np.ndarray], judge: Judge) -> dict[int, str]:
    """On which ground those parts are that were outpainted: they alone are shown, side by side with themselves."""
    places = [number for number, one in enumerate(questions) if one.set == "outpaint"]
    strips = [pictures[number][:, -round(pictures[number].shape[1] * OUTSIDE) :] for number in places]
    told = judge.answers([np.tile(strip, (1, round(1 / OUTSIDE), 1)) for strip in strips]) if strips else []
    return {number: answer["ground"] for number, answer in zip(places, told, strict=True)}


def _pairs(questions: Sequence[Question], pictures: Sequence[np.ndarray], judge: Judge, things: int) -> list[Row]:
    """Each of two things on its side, and both."""
    places = [number for number, one in enumerate(questions) if one.set == "pair"]
    if not places:
        return []
    halves = [half(pictures[number], where) for number in places for where in sides(questions[number].scene.relation)]
    told = judge.answers(halves)
    right = [told[2 * row + which]["thing"] == thing.name for row, number in enumerate(places) for which, thing in enumerate(questions[number].scene.things)]
    both = [right[2 * row] and right[2 * row + 1] for row in range(len(places))]
    return [
        Row("each of two objects on its side", sum(right), len(right), 1 / things),
        Row("two objects, both on the right sides", sum(both), len(both), 1 / things**2),
    ]


def table(rows: Sequence[Row]) -> str:
    """Markdown, with the interval in which the share lies with 95 % certainty (Wilson 1927)."""
    lines = ["| measured | right | of | 95 % sure | chance |", "| --- | ---: | ---: | --- | ---: |"]
    for one in rows:
        low, high = wilson(one.right, one.asked)
        lines.append(f"| {one.what} | {one.right / one.asked:.0%} | {one.asked} | {low:.0%} to {high:.0%} | {one.chance:.1%} |")
    return "\n".join(lines)


def wilson(right: int, asked: int) -> tuple[float, float]:
    z = 1.96
    middle = (right / asked + z * z / (2 * asked)) / (1 + z * z / asked)
    reach = z / (1 + z * z / asked) * math.sqrt(right / asked * (1 - right / asked) / asked + z * z / (4 * asked * asked))
    return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class Boxed:
    """PSNR in dB, over whole pictures and over the boxes of their things."""

    whole: float
    box: float


def boxed(pictures: Sequence[np.ndarray], again: Sequence[np.ndarray], boxes: Sequence[tuple[int, int, int, int]]) -> Boxed:
    """Of pictures and what an autoencoder made of them. The mean error of all pictures, as one number."""
    whole, inside = [], []
    for one, other, (left, top, right, bottom) in zip(pictures, again, boxes, strict=True):
        away = (one.astype(np.float64) - other) ** 2
        whole.append(away.mean())
        inside.append(away[top:bottom, left:right].mean())
    return Boxed(*(10 * math.log10(255**2 / max(float(np.mean(errors)), 1e-12)) for errors in (whole, inside)))


def _on(scene: Scene, colour: str) -> Scene:
    return replace(scene, ground=Ground("plain", (colour,)))


def _few(dice: random.Random, names: Sequence[str], count: int) -> list[str]:
    return dice.sample(list(names), min(count, len(names)))
