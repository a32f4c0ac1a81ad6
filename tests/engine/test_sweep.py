"""The driver of sweeps: one way for requests with and without a script, progress of the whole, cancelling, what is saved and reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modules.core.errors import InvalidRequest, OutOfMemory
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress
from modules.engine.sweep import chosen
from tests.engine.sweeps.painting import Studio, document, pixels

MATRIX: dict[str, Any] = {"script": "Prompt matrix", "prompt": "a cat|red|big"}


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_a_request_without_a_script_is_one_part_and_passes_unchanged(studio: Studio) -> None:
    result = studio.draw(batch_size=2, count=2, save=True, model="other", styles=["film"])
    assert [one.pictures for one in studio.asked] == [4]
    assert result.request == studio.asked[0] and result.request.styles == ("film",)
    assert [picture.index for picture in result.pictures] == [0, 1, 2, 3]
    assert [event for event in studio.events if isinstance(event, Picture)] == list(result.pictures)
    assert {event.pictures for event in studio.events if isinstance(event, Progress)} == {4}
    assert (result.first, result.infotexts, studio.stored) == (0, (), ["grid"])


def test_progress_and_indices_are_those_of_the_whole(studio: Studio) -> None:
    result = studio.draw(**MATRIX, save=True)
    progress = [event for event in studio.events if isinstance(event, Progress)]
    assert [event.picture for event in progress] == [0, 1, 2, 3] and {event.pictures for event in progress} == {4}
    reported = [event for event in studio.events if isinstance(event, Picture)]
    assert [picture.index for picture in reported] == [0, 1, 2, 3, 4]
    assert [picture.index for picture in result.pictures] == [4, 0, 1, 2, 3]
    assert all(picture.path for picture in reported)


def test_composed_pictures_are_saved_only_where_pictures_are_saved(studio: Studio) -> None:
    assert studio.draw(**MATRIX, save=False).pictures[0].path is None
    assert studio.stored == [] and studio.saved == [False] * 4
    assert studio.draw(**MATRIX, save=True).pictures[0].path is not None
    assert studio.stored == ["prompt_matrix"] and studio.saved[4:] == [True] * 4


def test_a_stop_runs_no_further_part_and_keeps_what_is_done(studio: Studio) -> None:
    studio.halt = 2, Cancel.STOP
    result = studio.draw(**MATRIX)
    assert result.cancelled is Cancel.STOP and len(studio.asked) == 2
    grid, *made = result.pictures
    assert len(made) == 2 and not grid.complete
    assert document(grid)["request"]["script"]["name"] == "Prompt matrix"


def test_a_stop_before_the_first_picture_leaves_nothing(studio: Studio) -> None:
    studio.halt = 0, Cancel.STOP
    result = studio.draw(**MATRIX)
    assert result.pictures == () and result.cancelled is Cancel.STOP
    assert not [event for event in studio.events if isinstance(event, Picture)]


def test_a_skip_goes_on_with_the_next_part(studio: Studio) -> None:
    studio.halt = 1, Cancel.SKIP
    result = studio.draw(**MATRIX)
    assert result.cancelled is Cancel.SKIP and len(studio.asked) == 4
    assert [picture.complete for picture in result.pictures] == [False, True, False, True, True]


def test_an_error_of_a_part_ends_a_sweep_that_does_not_expect_it(studio: Studio) -> None:
    studio.failing = lambda request: OutOfMemory("Too little memory.", "Make it smaller.") if "big" in request.prompt else None
    with pytest.raises(OutOfMemory):
        studio.draw(**MATRIX)
    assert len([event for event in studio.events if isinstance(event, Picture)]) == 2


def test_notes_of_the_parts_reach_the_result_once(studio: Studio) -> None:
    assert studio.draw(**MATRIX, seed=77).notes == ("of seed 77",)


@pytest.mark.parametrize(
    ("script", "args", "field", "said"),
    [
        ("X/Y/Q plot", {}, "script.name", "X/Y/Z plot"),
        ("Loopback", {"loops": 33}, "script.args.loops", "32"),
        ("Loopback", {"loops": "many"}, "script.args.loops", "whole number"),
        ("Loopback", {"lops": 3}, "script.args.lops", "spelling"),
        ("Loopback", {"curve": "Steep"}, "script.args.curve", "Linear"),
        ("Outpainting mk2", {"directions": ["left", "north"]}, "script.args.directions.1", "right"),
        ("SD upscale", {"overlap": {"a": [[]]}}, "script.args.overlap", ""),
        ("SD upscale", {"upscaler": "Cubic"}, "script.args.upscaler", "Lanczos"),
        ("Loopback", {"interrogate": "CLIP"}, "script.args.interrogate", "None"),
        ("Loopback", {}, "init.image", "img2img"),
    ],
)
def test_what_cannot_be_swept_is_said_with_its_field_and_a_remedy(studio: Studio, script: str, args: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(Exception) as caught:
        studio.draw(script, args)
    assert getattr(caught.value, "field", None) == field and getattr(caught.value, "remedy", "")
    assert said in str(caught.value)


def test_arguments_can_be_checked_before_a_job_is_queued() -> None:
    script, arguments = chosen(from_dict(GenerationRequest, {"script": {"name": "loopback", "args": {"loops": 2}}}))
    assert script.name == "Loopback" and arguments.loops == 2
    assert chosen(GenerationRequest())[0].name == ""
    with pytest.raises(InvalidRequest):
        chosen(from_dict(GenerationRequest, {"script": {"name": "Loopback", "args": {"loops": 0}}}))


def test_faces_may_import_sweeps_without_torch() -> None:
    program = "import sys\nimport modules.engine.sweep\nassert 'torch' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_pictures_of_a_sweep_are_of_their_own_requests(studio: Studio) -> None:
    _, *cells = studio.draw(**MATRIX).pictures
    for cell in cells:
        assert not cell.request.script.name
        (alone,) = studio.again(cell.request).pictures
        assert (pixels(alone) == pixels(cell)).all()
