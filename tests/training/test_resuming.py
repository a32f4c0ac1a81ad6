"""What goes on with a run, and what is refused before there is a job: other steps than its rate was laid out over, a recipe that is not its checkpoints'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.core.errors import BadModelFile, InvalidRequest, NotFound
from modules.training import runs
from modules.training.resuming import resumed, write_recipe
from tests.training.resting import rest


def recipe(place: Path) -> dict:
    return json.loads((place / "recipe.json").read_text())


def test_a_run_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    kept = rest(tmp_path, owner="ann")
    place = tmp_path / "training" / "thing"
    before = (place / "recipe.json").read_bytes()
    for steps in (0, 1000):
        request = resumed(place, steps)
        assert (request.steps, request.resume, request.keep, request.data) == (1000, True, False, kept.data)
        write_recipe(place, request, {"device": "another"}, "bob")
    for steps in (400, 2000):
        with pytest.raises(InvalidRequest, match="laid out over 1000 steps"):
            resumed(place, steps)
    assert (place / "recipe.json").read_bytes() == before
    ended = resumed(place, keep=True)
    assert ended.keep and ended.steps == 1000
    with pytest.raises(InvalidRequest, match="steps"):
        resumed(place, -3)


def test_an_even_rate_may_go_on_to_more_steps(tmp_path: Path) -> None:
    rest(tmp_path, owner="ann", learning__curve="constant", learning__warmup=0.0)
    place = tmp_path / "training" / "thing"
    write_recipe(place, resumed(place, 2000), {}, "")
    assert (runs.recipe_of(place).steps, runs.owner_of(place)) == (2000, "ann") and resumed(place).steps == 2000
    assert not recipe(place)["request"]["resume"]
    with pytest.raises(InvalidRequest, match="has learnt 600 steps already"):
        resumed(place, 500)


def test_a_recipe_whose_steps_were_overwritten_is_mended(tmp_path: Path) -> None:
    rest(tmp_path)
    place = tmp_path / "training" / "thing"
    tree = recipe(place)
    tree["request"]["steps"] = 400
    (place / "recipe.json").write_text(json.dumps(tree))
    request = resumed(place)
    assert request.steps == 1000
    write_recipe(place, request, {}, "")
    assert runs.recipe_of(place).steps == 1000


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    rest(tmp_path)
    place = tmp_path / "training" / "thing"
    tree = recipe(place)
    tree["request"]["seed"] = 77
    (place / "recipe.json").write_text(json.dumps(tree))
    with pytest.raises(InvalidRequest, match="another recipe"):
        resumed(place)


def test_a_run_without_a_checkpoint_begins_with_its_recipe(tmp_path: Path) -> None:
    rest(tmp_path, done=0)
    place = tmp_path / "training" / "thing"
    assert resumed(place).steps == 1000 and resumed(place, 50).steps == 50
    with pytest.raises(InvalidRequest, match="nothing to keep"):
        resumed(place, keep=True)
    with pytest.raises(NotFound):
        resumed(tmp_path / "training" / "nobody")


def test_a_checkpoint_that_tells_nothing(tmp_path: Path) -> None:
    rest(tmp_path)
    place = tmp_path / "training" / "thing"
    path = runs.checkpoint(place, 600)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"told"', b'"tokd"'))
    with pytest.raises(BadModelFile, match="step-00000600"):
        resumed(place)
