"""Scenes and their sentences: the same for the same seed, in the words that are known, and never with the colour that is kept apart."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from modules.training.starter import scenes
from modules.training.starter.objects import OBJECTS
from modules.training.starter.scenes import COLOURS, Ground, Scene, Thing, caption, kept_apart, scene, several, single, words

NAMES = tuple(one.name for one in OBJECTS)
PLURALS = {one.name: one.plural for one in OBJECTS}
RED, ORANGE = Ground("plain", ("red",)), Ground("plain", ("orange",))


def a(name: str) -> Thing:
    return Thing(name, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Scene((a("apple"),), RED, 0), "an apple on a red background"),
        (Scene((a("panda"),), ORANGE, 0, size="large"), "a large panda on an orange background"),
        (Scene((a("frog"),), ORANGE, 0, place="top left"), "a frog in the top left corner, on an orange background"),
        (Scene((a("car"), a("owl")), RED, 0, relation="left"), "a car to the left of an owl on a red background"),
        (Scene((a("car"), a("owl")), Ground("sea"), 0, relation="and"), "a car and an owl on the sea"),
        (Scene((a("mouse"), a("mouse")), Ground("night"), 0), "two mice under a night sky"),
        (Scene((a("cactus"),) * 3, Ground("gradient", ("red", "yellow")), 0), "three cacti on a red to yellow gradient"),
        (Scene((a("panda"),), RED, 0, style="black and white"), "a panda, black and white, on a red background"),
        (Scene((a("unicorn"),), RED, 0, style="pixel art"), "pixel art, a unicorn on a red background"),
    ],
)
def test_the_plain_sentence_of_a_scene(made: Scene, sentence: str) -> None:
    assert caption(made, PLURALS) == sentence


def test_scenes_are_decided_by_their_seeds_and_known_words_say_them() -> None:
    known = words(PLURALS)
    for seed in range(1500):
        made = scene(NAMES, seed)
        assert made == scene(NAMES, seed)
        for text in (caption(made, PLURALS), caption(made, PLURALS, seed)):
            assert set(text.replace(",", " ,").split()) <= known
        assert all(0 <= thing.x <= 1 and 0 <= thing.y <= 1 and 0.2 < thing.size < 1 for thing in made.things)


def test_no_thing_is_shown_on_the_colour_that_is_kept_apart_and_judges_see_all() -> None:
    def met(everything: bool) -> set[tuple[str, str]]:
        made = [scene(NAMES[:6], seed, everything) for seed in range(4000)]
        return {(thing.name, colour) for one in made for thing in one.things for colour in one.ground.colours}

    apart = {(name, kept_apart(name)) for name in NAMES[:6]}
    assert not met(False) & apart
    assert met(True) >= apart and len(met(False)) == 6 * (len(COLOURS) - 1)
    assert len({kept_apart(name) for name in NAMES}) == len(COLOURS)


def test_all_kinds_come_up() -> None:
    made = [scene(NAMES, seed) for seed in range(2000)]
    for values, count in (
        (Counter(one.place for one in made), 9), (Counter(one.relation for one in made), 6), (Counter(one.count for one in made), 3),
        (Counter(one.style for one in made), 4), (Counter(one.ground.kind for one in made), 8), (Counter(one.size for one in made), 3),
    ):  # fmt: skip
        assert len(values) == count and min(values.values()) > 10


def test_places_are_where_they_are_said_to_be() -> None:
    dice = random.Random(1)
    for place, (_, x, y) in scenes.PLACES.items():
        thing = single(dice, "star", "", place).things[0]
        assert (thing.x - 0.5) * x >= 0.1 * abs(x) and (thing.y - 0.5) * y >= 0.1 * abs(y)
    row = several(dice, "star", 3).things
    assert [thing.x for thing in row] == sorted(thing.x for thing in row) and len(row) == 3
    assert replace(single(dice, "star"), things=()).count == 0
