"""A1111's positional arguments, and how scripts are shown to its clients."""

from __future__ import annotations

from typing import Any

import pytest

from modules.core.errors import InvalidRequest
from modules.engine.sweeps import SWEEPS
from modules.engine.sweeps.script import Tab


def args_of(name: str, values: list[Any], tab: Tab = "img2img") -> dict[str, Any]:
    return SWEEPS.get(name).from_list(values, tab)


@pytest.mark.parametrize(
    ("name", "values", "args"),
    [
        ("prompt matrix", [True, False, "negative", "space", 4], {"at_start": True, "prompt": "negative", "joining": "space", "margin": 4}),
        ("loopback", [2, 0.4, "linear", "None"], {"loops": 2, "final_strength": 0.4, "curve": "Linear"}),
        ("SD upscale", ["", 8, "Lanczos", 2.0], {"overlap": 8, "upscaler": "Lanczos", "scale": 2.0}),
        ("sd upscale", [None, 64, 1], {"upscaler": "Lanczos", "scale": 2.0}),
        ("sd upscale", [None, 64, "nearest", 1.5], {"upscaler": "Nearest"}),
        ("outpainting mk2", [None, 64, 8, ["left"], 1, 0.05], {"pixels": 64, "directions": ["left"], "falloff": 1.0}),
        ("outpainting mk2", [None, 64, 8, "up"], {"directions": ["up"]}),
        ("poor man's outpainting", [64, 4, 2, ["down"]], {"content": "latent noise"}),
        ("poor man's outpainting", [64, 4, "fill", ["down"]], {"content": "fill"}),
        ("prompts from file or textbox", [True, None, "end", "a\nb"], {"iterate_seed": True, "same_seed": False, "lines": "a\nb"}),
        ("x/y/z plot", [], {"x_type": "Seed", "y_type": "Nothing", "draw_legend": True}),
    ],
)
def test_positional_arguments(name: str, values: list[Any], args: dict[str, Any]) -> None:
    assert args_of(name, values).items() >= args.items()


@pytest.mark.parametrize(("tab", "x"), [("txt2img", "Hires steps"), ("img2img", "CFG Scale")])
def test_axes_are_counted_in_the_list_of_their_tab(tab: Tab, x: str) -> None:
    values = [5, "4,6", [], None, "", None, "Seed", "1", "", False, False, True]
    args = args_of("x/y/z plot", values, tab)
    assert (args["x_type"], args["y_type"], args["z_type"]) == (x, "Nothing", "Seed")
    assert (args["x_values"], args["x_menu"], args["draw_legend"], args["include_grids"]) == ("4,6", [], False, True)


@pytest.mark.parametrize(
    ("name", "values", "field"),
    [
        ("loopback", [0], "loops"),
        ("loopback", [4, 0.5, 1], "curve"),
        ("prompt matrix", [False, False, "both"], "prompt"),
        ("x/y/z plot", [99], "x_type"),
        ("x/y/z plot", [-1], "x_type"),
        ("poor man's outpainting", [64, 4, 4], "content"),
        ("sd upscale", [None, {}], "overlap"),
        ("outpainting mk2", [None, 64, 8, [["left"]]], "directions.0"),
    ],
)
def test_wrong_arguments_are_named(name: str, values: list[Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        args_of(name, values)
    assert caught.value.field == f"script.args.{field}" and caught.value.remedy


def test_too_many_arguments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="takes 4 arguments"):
        args_of("loopback", [1, 0.5, "Linear", "None", 1])


@pytest.mark.parametrize("script", SWEEPS, ids=lambda script: script.name)
def test_scripts_are_described_as_their_arguments_are_given(script: Any) -> None:
    for tab in script.tabs:
        listed = script.listed(tab)
        assert len(listed) == len(script.places)
        assert all(set(one) == {"label", "value", "minimum", "maximum", "step", "choices"} for one in listed)
        given = [one["value"] for one in listed]
        assert script.from_list(given, tab) == script.from_list([], tab)


def test_a_description() -> None:
    loops, final, curve, _ = SWEEPS.get("Loopback").listed("img2img")
    assert loops == {"label": "Loops", "value": 4, "minimum": 1, "maximum": 32, "step": 1, "choices": None}
    assert (final["value"], curve["choices"]) == (0.5, ["Aggressive", "Linear", "Lazy"])
    assert SWEEPS.get("X/Y/Z plot").listed("img2img")[0]["choices"][6] == "Image CFG Scale"


def test_tabs() -> None:
    assert [script.name for script in SWEEPS if "txt2img" in script.tabs] == ["Prompt matrix", "Prompts from file or textbox", "X/Y/Z plot"]
