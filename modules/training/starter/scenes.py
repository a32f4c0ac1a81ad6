"""What is in a scene, from a seed: things with their places and sizes on a ground, in a style; and the sentence that says so. Draws nothing. No torch.

Each thing has one colour of the grounds that it is never shown on (`kept_apart`), so that it can be asked later whether a model puts together what it never saw
together.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from modules.training.starter.objects import ALIASES

Rgb = tuple[int, int, int]
COLOURS: Mapping[str, Rgb] = {
    "red": (206, 34, 36), "orange": (243, 144, 53), "yellow": (252, 214, 66), "green": (74, 168, 78), "teal": (28, 146, 144), "blue": (43, 98, 212),
    "purple": (110, 52, 166), "pink": (246, 152, 196), "brown": (126, 84, 50), "white": (246, 246, 246), "gray": (134, 134, 134), "black": (16, 16, 20),
}  # fmt: skip
LANDSCAPES: Mapping[str, str] = {
    "meadow": "in a meadow", "beach": "on a beach", "desert": "in a desert", "snow": "in the snow", "night": "under a night sky", "sea": "on the sea",
}  # fmt: skip
PLACES: Mapping[str, tuple[str, float, float]] = {
    "left": ("on the left", -1, 0), "right": ("on the right", 1, 0), "top": ("at the top", 0, -1), "bottom": ("at the bottom", 0, 1),
    "top left": ("in the top left corner", -1, -1), "top right": ("in the top right corner", 1, -1),
    "bottom left": ("in the bottom left corner", -1, 1), "bottom right": ("in the bottom right corner", 1, 1),
}  # fmt: skip
"""Name -> how it is said, and where that is from the middle."""
STYLES: Mapping[str, str] = {"black and white": "black and white", "pixel art": "pixel art", "pencil sketch": "pencil sketch"}
NUMBERS = ("", "a", "two", "three")

Size = Literal["", "small", "large"]
Relation = Literal["", "left", "right", "above", "below", "and"]
RELATIONS: Mapping[Relation, str] = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below", "and": "and"}
NORMAL, PLACED, SMALL, LARGE, PAIRED, TWO, THREE = 0.58, 0.46, 0.34, 0.90, 0.44, 0.42, 0.30
"""Shares of the picture's width."""


class Thing(NamedTuple):
    """x, y: its middle, and size: its longer side, all as shares of the picture's side."""

    name: str
    x: float
    y: float
    size: float


class Ground(NamedTuple):
    """kind: "plain" with one colour, "gradient" with two from top to bottom, or one of `LANDSCAPES`, without."""

    kind: str
    colours: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """ "red", "red to yellow", "meadow"."""
        return " to ".join(self.colours) or self.kind


@dataclass(frozen=True)
class Scene:
    """things: one; two for a relation; or several of one name. place: a name of `PLACES`, "" in the middle. seed: of what the sentence does not say."""

    things: tuple[Thing, ...]
    ground: Ground
    seed: int
    size: Size = ""
    place: str = ""
    relation: Relation = ""
    style: str = ""

    @property
    def count(self) -> int:
        return 1 if self.relation else len(self.things)


def kept_apart(name: str) -> str:
    """The colour that this thing is never shown on."""
    return list(COLOURS)[int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(COLOURS)]


def scene(names: Sequence[str], seed: int, everything: bool = False) -> Scene:
    """Any scene but, unless it is to be everything, one of a thing with the colour that is kept apart from it."""
    dice = random.Random(seed)
    kind = dice.choices(("single", "sized", "placed", "pair", "several"), (38, 10, 22, 18, 12))[0]
    if kind == "pair":
        found = pair(dice, dice.sample(list(names), 2), dice.choices(("left", "right", "above", "below", "and"), (3, 3, 2, 2, 2))[0])
    elif kind == "several":
        found = several(dice, dice.choice(names), dice.choice((2, 3)))
    else:
        size: Size = dice.choice(("small", "large")) if kind == "sized" else "small" if kind == "placed" and dice.random() < 0.2 else ""
        found = single(dice, dice.choice(names), size, dice.choice(list(PLACES)) if kind == "placed" else "")
    shown = set() if everything else {thing.name for thing in found.things}
    style = dice.choice(list(STYLES)) if dice.random() < 0.1 else ""
    return replace(found, ground=ground(dice, shown, style), style=style, seed=dice.getrandbits(62))


def single(dice: random.Random, name: str, size: Size = "", place: str = "") -> Scene:
    """On a white ground."""
    side = {"": PLACED if place else NORMAL, "small": SMALL * (0.9 if place else 1), "large": LARGE}[size] * dice.uniform(0.95, 1.05)
    _, x, y = PLACES.get(place, ("", 0.0, 0.0))
    reach = 0.5 - side / 2
    jitter = 0.0 if size == "large" else 0.025
    return Scene(
        (Thing(name, 0.5 + x * (reach - 0.02) + dice.uniform(-jitter, jitter), 0.5 + y * (reach - 0.02) + dice.uniform(-jitter, jitter), side),),
        Ground("plain", ("white",)), 0, size, place,
    )  # fmt: skip


def pair(dice: random.Random, names: Sequence[str], relation: Relation) -> Scene:
    """The first one stands in this relation to the second one; "and": left of it."""
    along = -0.245 if relation in ("left", "above", "and") else 0.245
    things = []
    for name, away in zip(names, (along, -along), strict=True):
        x, y = (0.0, away) if relation in ("above", "below") else (away, 0.0)
        things.append(Thing(name, 0.5 + x + dice.uniform(-0.015, 0.015), 0.5 + y + dice.uniform(-0.015, 0.015), PAIRED * dice.uniform(0.95, 1.05)))
    return Scene(tuple(things), Ground("plain", ("white",)), 0, relation=relation)


def several(dice: random.Random, name: str, count: int) -> Scene:
    """count: 2 or 3, side by side."""
    side, apart = (TWO, 0.48) if count == 2 else (THREE, 0.325)
    things = [
        Thing(name, 0.5 + (number - (count - 1) / 2) * apart, 0.5 + dice.uniform(-0.06, 0.06), side * dice.uniform(0.95, 1.05)) for number in range(count)
    ]
    return Scene(tuple(things), Ground("plain", ("white",)), 0)


def ground(dice: random.Random, names: set[str], style: str = "") -> Ground:
    """One that these things may be shown on."""
    if style == "pencil sketch":
        return Ground("plain", ("white",))
    apart = {kept_apart(name) for name in names}
    colours = [colour for colour in (("white", "gray", "black") if style == "black and white" else COLOURS) if colour not in apart]
    kind = dice.random()
    if kind < 0.24 or not colours:
        return Ground(dice.choice(list(LANDSCAPES)))
    if kind < 0.32 and len(colours) > 1:
        first, second = dice.sample(colours, 2)
        return Ground("gradient", (first, second))
    return Ground("plain", (dice.choice(colours),))


def caption(scene: Scene, plurals: Mapping[str, str], seed: int | None = None) -> str:
    """The sentence of a scene; of another seed another wording of it, without one the plainest."""
    dice = random.Random(seed) if seed is not None else None
    first = _noun(scene, scene.things[0].name, plurals, dice)
    if scene.relation:
        first = f"{first} {RELATIONS[scene.relation]} {_noun(scene, scene.things[1].name, plurals, dice)}"
    if scene.place:
        first += f" {PLACES[scene.place][0]}"
    ground = said(scene.ground, dice)
    comma = "," if scene.place or scene.style == "black and white" or (dice and dice.random() < 0.15) else ""
    if scene.style == "black and white":
        first += ", black and white"
    sentence = f"{first}{comma} {ground}"
    return f"{scene.style}, {sentence}" if scene.style in ("pixel art", "pencil sketch") else sentence


def said(ground: Ground, dice: random.Random | None = None) -> str:
    """ "on a red background"."""
    if ground.kind in LANDSCAPES:
        return LANDSCAPES[ground.kind]
    last = "gradient" if ground.kind == "gradient" else "background"
    word = "with" if dice and dice.random() < 0.2 else "on"
    return f"{word} {article(ground.name)} {ground.name} {last}"


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" and not word.startswith(("uni", "ufo")) else "a"


def _noun(scene: Scene, name: str, plurals: Mapping[str, str], dice: random.Random | None) -> str:
    if scene.count > 1:
        return f"{NUMBERS[scene.count]} {plurals[name]}"
    called = ALIASES[name] if dice and name in ALIASES and dice.random() < 0.3 else name
    sized = f"{scene.size} {called}" if scene.size else called
    return f"{article(sized)} {sized}"


def words(plurals: Mapping[str, str]) -> set[str]:
    """Every word that a caption may have. plurals: name -> plural of all things."""
    texts = [*plurals, *plurals.values(), *ALIASES.values(), *COLOURS, *LANDSCAPES.values(), *STYLES, *NUMBERS, *RELATIONS.values()]
    texts += [phrase for phrase, _, _ in PLACES.values()]
    texts += ["a an on with the background gradient to small large , ."]
    return {word for text in texts for word in text.replace(",", " , ").split()}
