"""One run a line, the request's own prompt beside it, and seeds over the lines."""

from __future__ import annotations

import pytest

from modules.core.errors import InvalidRequest
from modules.core.result import Cancel, Progress
from tests.engine.sweeps.painting import Studio

LINES = "red\n\n  --prompt big --steps 7  \n--negative_prompt grey"


def test_lines_are_joined_to_the_requests_own_prompts(studio: Studio) -> None:
    studio.draw("Prompts from file", {"lines": LINES}, negative_prompt="blurry")
    assert [(one.prompt, one.negative_prompt, one.steps) for one in studio.asked] == [
        ("red a cat", "blurry", 3),
        ("big a cat", "blurry", 7),
        ("a cat", "grey blurry", 3),
    ]
    studio.draw("Prompts from file or textbox", {"lines": "red", "position": "end"})
    studio.draw("Prompts from file", {"lines": "red"}, prompt="")
    assert [one.prompt for one in studio.asked[3:]] == ["a cat red", "red"]


@pytest.mark.parametrize(
    ("args", "seed", "seeds"),
    [
        ({}, 5, [5, 5, 5]),
        ({"iterate_seed": True}, 5, [5, 9, 13]),
        ({"same_seed": True}, 5, [5, 5, 5]),
    ],
)
def test_seeds(studio: Studio, args: dict[str, object], seed: int, seeds: list[int]) -> None:
    studio.draw("Prompts from file", {"lines": LINES, **args}, seed=seed, count=2, batch_size=2)
    assert [one.seed for one in studio.asked] == seeds


def test_a_random_seed_is_drawn_once_or_for_each_line(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    studio.failing = lambda request: drawn.append(request.seed)
    studio.draw("Prompts from file", {"lines": LINES}, seed=-1)
    studio.draw("Prompts from file", {"lines": LINES, "same_seed": True}, seed=-1)
    assert drawn[:3] == [-1, -1, -1] and min(drawn[3:]) >= 0 and len(set(drawn[3:])) == 1


def test_all_pictures_come_back_without_a_grid(studio: Studio) -> None:
    result = studio.draw("Prompts from file", {"lines": "a\n--prompt b --n_iter 3 --do_not_save_samples true\nc"}, save=True)
    assert len(result.pictures) == 5 and (result.first, result.infotexts) == (0, ())
    assert studio.saved == [True, False, True]
    assert {event.pictures for event in studio.events if isinstance(event, Progress)} == {5}


def test_every_line_is_looked_at_before_the_first_is_drawn(studio: Studio) -> None:
    for bad, said in (("--steps 0", "steps"), ("--sampler_name Eular", "Euler"), ("--sd_model none", "none")):
        with pytest.raises(InvalidRequest, match="line 2") as caught:
            studio.draw("Prompts from file", {"lines": f"fine\n--prompt x {bad}"})
        assert said in str(caught.value) and caught.value.field == "script.args.lines"
    assert studio.asked == []


def test_what_a_line_asks_in_vain_is_noted(studio: Studio) -> None:
    result = studio.draw("Prompts from file", {"lines": "--prompt x --outpath_samples /etc"})
    assert len(result.notes) == 1 and "Line 1" in result.notes[0]


def test_a_stop_keeps_the_lines_that_are_done(studio: Studio) -> None:
    studio.halt = 2, Cancel.STOP
    assert len(studio.draw("Prompts from file", {"lines": "a\nb\nc"}).pictures) == 2


def test_no_lines_are_refused(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="no lines"):
        studio.draw("Prompts from file", {"lines": " \n"})
