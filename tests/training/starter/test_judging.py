"""Judges and what is asked: a judge that learnt a little is right on renders that it never saw, and the table tells good pictures from wrong ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from modules.training.starter import questions
from modules.training.starter.drawing import Drawing
from modules.training.starter.judges import Judge, answers, half, rendered, sides, taught
from modules.training.starter.package import Package, read
from modules.training.starter.questions import Question, Row, asked, boxed, scored, table, wilson
from modules.training.starter.scenes import RELATIONS, Ground, Scene, Thing, kept_apart
from tests.training.starter.shapes import NAMES, folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return read(folder(tmp_path_factory.mktemp("data") / "cut"))


@pytest.fixture(scope="module")
def drawing(package: Package) -> Drawing:
    return Drawing(package.cutouts, 64)


@pytest.fixture(scope="module")
def judge(drawing: Drawing) -> Judge:
    return taught(drawing, NAMES, 3200, width=8)


@pytest.fixture(scope="module")
def wanted(package: Package) -> list[Question]:
    return asked(NAMES, {one.name: one.plural for one in package.cutouts}, most=5)


def by_name(rows: Sequence[Row]) -> dict[str, float]:
    return {one.what: one.right / one.asked for one in rows}


def test_a_judge_knows_renders_that_it_never_saw(judge: Judge, drawing: Drawing) -> None:
    seen = [one for number in range(150) for one in rendered(drawing, NAMES, 10**6 + number, 7)]
    shares = {name: right / of for name, (right, of) in judge.right(seen).items()}
    assert set(shares) == {"thing", "ground", "place", "count", "size", "style"}
    assert shares["ground"] > 0.7 and shares["thing"] > 0.7 and shares["style"] > 0.7, shares


def test_right_pictures_score_high_and_those_of_other_prompts_low(judge: Judge, drawing: Drawing, wanted: list[Question]) -> None:
    pictures = [drawing.draw(one.scene) for one in wanted]
    good, wrong = by_name(scored(wanted, pictures, judge)), by_name(scored(wanted, pictures[7:] + pictures[:7], judge))
    assert good["background colour"] > 0.7 and good["object, in the middle"] > 0.7 and good["two objects, both on the right sides"] > 0.4
    for what in ("background colour", "object, in the middle", "two objects, both on the right sides"):
        assert good[what] > wrong[what] + 0.25, (what, good, wrong)


def test_prompts_are_fixed_and_ask_for_what_was_kept_apart(wanted: list[Question], package: Package) -> None:
    assert wanted == asked(NAMES, {one.name: one.plural for one in package.cutouts}, most=5)
    assert len({one.seed for one in wanted}) == len(wanted)
    for one in wanted:
        together = [(thing.name, colour) for thing in one.scene.things for colour in one.scene.ground.colours]
        if one.set in ("plain", "apart"):
            assert all((kept_apart(name) == colour) == (one.set == "apart") for name, colour in together)
    assert {one.scene.relation for one in wanted if one.set == "pair"} == set(RELATIONS)
    for one in wanted:
        if one.set == "negative":
            assert one.negative in one.prompt and one.scene.things[0].name in one.prompt and one.negative != one.scene.things[0].name


def test_who_heeds_no_weight_and_no_negative_is_right_every_second_time(judge: Judge, drawing: Drawing, wanted: list[Question]) -> None:
    for kind in ("weighed colour", "negative"):
        of_kind = [one for one in wanted if one.set == kind]
        shown = [drawing.draw(of_kind[number - number % 2].scene) for number in range(len(of_kind))]  # the same for both of two turns
        (row,) = (row for row in scored(of_kind, shown, judge) if "decides" in row.what)
        assert len(of_kind) % 2 == 0 and row.right <= row.asked / 2


def test_only_what_was_outpainted_tells_whether_the_scene_goes_on(judge: Judge, drawing: Drawing) -> None:
    whole = Scene((Thing("ball", 0.25, 0.5, 0.4),), Ground("plain", ("red",)), 1, place="left")
    question = Question("outpaint", "", 1, whole, whole)
    good, wrong = drawing.draw(whole), drawing.draw(whole)
    wrong[:, 48:] = drawing.draw(Scene((), Ground("sea"), 2))[:, 48:]
    shares = [by_name(scored([question], [picture], judge))["outpainting continues the scene"] for picture in (good, wrong)]
    assert shares == [1, 0]


def test_a_scene_without_things_and_one_of_two_say_little() -> None:
    two = Scene((Thing("ball", 0.2, 0.5, 0.4), Thing("box", 0.7, 0.5, 0.4)), Ground("plain", ("red",)), 0, relation="left")
    assert answers(two) == {"style": "plain", "ground": "red"}
    assert answers(Scene((), Ground("sea"), 0)) == {"style": "plain", "ground": "sea", "thing": "nothing"}
    assert sides("right") == ("right", "left") and sides("below") == ("below", "above")
    picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    assert (half(picture, "left")[:, 0] == picture[16:48, 0]).all() and half(picture, "below").shape == (32, 32, 3)


def test_the_table_and_its_numbers() -> None:
    low, high = wilson(95, 100)
    assert (low, high) == (pytest.approx(0.888, abs=1e-3), pytest.approx(0.978, abs=1e-3)) and wilson(5, 5)[1] == 1
    assert table([Row("place", 19, 20, 1 / 9)]).splitlines()[2] == "| place | 95% | 20 | 76% to 99% | 11.1% |"
    picture = np.zeros((8, 8, 3), np.uint8)
    other = picture.copy()
    other[:4, :4] = 16
    found = boxed([picture], [other], [(0, 0, 4, 4)])
    assert found.box == pytest.approx(24.05, abs=0.01) and found.whole == pytest.approx(30.07, abs=0.01)
    assert questions.SEED < 10**6
