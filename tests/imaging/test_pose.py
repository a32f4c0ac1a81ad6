"""Bodies out of maps that are painted here as a sure network would: everybody is found once, with every part in its place, and drawn as ControlNet reads it."""

from __future__ import annotations

import numpy as np
import pytest

from modules.imaging import pose
from modules.imaging.pose import LIMBS, PARTS, Joint, Map, Person

HEIGHT, WIDTH = 160, 240
STANDING = (
    (60, 20), (60, 40), (44, 40), (40, 64), (38, 84), (76, 40), (80, 64), (82, 84), (50, 84), (49, 112), (48, 140), (70, 84), (71, 112), (72, 140),
    (56, 16), (64, 16), (51, 19), (69, 19),
)  # fmt: skip
"""A body's 18 parts, x and y."""


def body(right: int = 0, without: tuple[int, ...] = ()) -> Person:
    return tuple(None if part in without else Joint(x + right, y) for part, (x, y) in enumerate(STANDING))


def maps(people: list[Person]) -> tuple[list[Map], list[Map]]:
    """A bump at each part, and beside each limb a field along it (paper, equations 7 and 8)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    parts = [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(PARTS)]
    fields = [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(pose.FIELDS)]
    for person in people:
        for part, joint in enumerate(person):
            if joint:
                parts[part] = np.maximum(parts[part], np.exp(-((columns - joint.x) ** 2 + (rows - joint.y) ** 2) / 50))
        for limb in LIMBS:
            one, other = person[limb.one], person[limb.other]
            if one and other:
                way = np.array([other.x - one.x, other.y - one.y])
                length = float(np.hypot(*way))
                along = ((columns - one.x) * way[0] + (rows - one.y) * way[1]) / length
                beside = np.abs((columns - one.x) * way[1] - (rows - one.y) * way[0]) / length
                on = (along >= -1) & (along <= length + 1) & (beside < 3)
                fields[limb.across][on], fields[limb.across + 1][on] = way / length
    return parts, fields


def seen(people: list[Person]) -> list[Person]:
    parts, fields = maps(people)
    return pose.people(parts.__getitem__, fields.__getitem__, HEIGHT)


def places(person: Person) -> list[tuple[int, int] | None]:
    return [(round(joint.x), round(joint.y)) if joint else None for joint in person]


@pytest.mark.parametrize("people", [[body()], [body(), body(100)], [body(), body(28)]], ids=["one", "two apart", "two close together"])
def test_everybody_is_found_once_with_every_part_in_its_place(people: list[Person]) -> None:
    assert sorted(map(places, seen(people)), key=str) == sorted(map(places, people), key=str)


def test_parts_that_are_hidden_are_left_out() -> None:
    without = (4, 10, 13, 17)
    (found,) = seen([body(without=without)])
    assert places(found) == places(body(without=without))


def test_an_arm_and_a_head_become_one_body_by_the_limb_between() -> None:
    """Without a neck, both arms and the head begin as bodies of their own, and the limbs from shoulder to ear join them; legs alone are too little."""
    (found,) = seen([body(without=(1,))])
    assert [part for part, joint in enumerate(found) if joint] == [0, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17]


@pytest.mark.parametrize("people", [[], [body(without=tuple(range(3, PARTS)))]], ids=["nobody", "three parts"])
def test_too_little_is_nobody(people: list[Person]) -> None:
    assert seen(people) == []


def test_noise_takes_no_time_and_does_not_fail() -> None:
    draw = np.random.default_rng(1)
    noise = [draw.random((HEIGHT, WIDTH), dtype=np.float32) for _ in range(pose.FIELDS)]
    assert len(pose.found(noise[0])) == pose.MOST
    assert isinstance(pose.people(noise.__getitem__, noise.__getitem__, HEIGHT), list)
    flat = np.ones((4, 4), np.float32)
    assert len(pose.found(flat)) == 16, "a map that says the same everywhere has as many peaks as places"


def test_a_skeleton_has_the_colours_of_the_training() -> None:
    picture = np.asarray(pose.drawn([body()], (WIDTH, HEIGHT)))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert pose.COLOURS[0] == (255, 0, 0) and pose.COLOURS[1] == (255, 85, 0) and pose.COLOURS[9] == (0, 255, 255) and pose.COLOURS[17] == (255, 0, 85)
    for part, (x, y) in enumerate(STANDING[:14]):
        assert tuple(picture[y, x]) == pose.COLOURS[part], "joints in full"
    (one, other, _), colour = LIMBS[2], pose.COLOURS[2]
    x, y = ((STANDING[one][axis] + STANDING[other][axis]) // 2 for axis in (0, 1))
    assert tuple(picture[y, x]) == tuple(int(value * pose.FAINT) for value in colour), "limbs fainter"
    assert not np.asarray(pose.drawn([], (8, 6))).any()


def test_drawn_again_the_same() -> None:
    assert np.array_equal(
        np.asarray(pose.drawn(seen([body(), body(100)]), (WIDTH, HEIGHT))), np.asarray(pose.drawn(seen([body(), body(100)]), (WIDTH, HEIGHT)))
    )
