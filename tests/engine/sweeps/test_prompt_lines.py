"""Lines of "Prompts from file" as values of a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.params import named
from modules.core.request import GenerationRequest
from modules.engine.sweeps.prompt_lines import NAMES, PromptLine, read_line


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("a cat", {"prompt": "a cat"}),
        ("--prompt a cat on a mat --steps 7", {"prompt": "a cat on a mat", "steps": 7}),
        ("--prompt \"a 'cat'\" --negative_prompt grey sky", {"prompt": "a 'cat'", "negative_prompt": "grey sky"}),
        ("--sampler_name 'Euler a' --cfg_scale 5.5 --tiling TRUE", {"sampler": "Euler a", "cfg_scale": 5.5, "tiling": True}),
        ("--width 64 --height 72 --batch_size 2 --n_iter 3", {"width": 64, "height": 72, "batch_size": 2, "count": 3}),
        ("--seed 4 --subseed 5 --subseed_strength 0.5", {"seed": 4, "variation.seed": 5, "variation.strength": 0.5}),
        ("--seed_resize_from_h -1 --seed_resize_from_w 512", {"variation.height": 0, "variation.width": 512}),
        ("--sd_model other --styles film,grain", {"model": "other", "styles": ("film", "grain")}),
        ("--tiling false --prompt x", {"tiling": False, "prompt": "x"}),
        ("--restore_faces true --prompt x", {"faces.restore": True, "prompt": "x"}),
        ("--prompt", {"prompt": ""}),
    ],
)
def test_names_and_words(line: str, values: dict[str, Any]) -> None:
    assert read_line(line) == PromptLine(values)


@pytest.mark.parametrize("line", ["a cat --steps 7", "--steps", "--steps many", "--colour red", '--prompt "a', "--", "a -- b"])
def test_a_line_that_is_no_such_list_is_a_prompt(line: str) -> None:
    assert read_line(line) == PromptLine({"prompt": line})


def test_what_is_not_taken_is_told() -> None:
    line = read_line("--prompt x --outpath_samples /tmp/x --prompt_for_display y --do_not_save_samples true --do_not_save_grid false")
    assert line.values == {"prompt": "x"} and not line.save
    assert [text.partition(":")[0] for text in line.left] == ["outpath_samples", "prompt_for_display"]


def test_every_name_is_a_field_of_a_request() -> None:
    assert {named(GenerationRequest, field).name for field, _ in NAMES.values()} <= {field for field, _ in NAMES.values()}


@given(st.text(max_size=60) | st.lists(st.sampled_from(["--prompt", "--steps", "3", "x", "--", '"', "--tiling", "\\"])).map(" ".join))
def test_no_line_raises(line: str) -> None:
    assert isinstance(read_line(line), PromptLine)
