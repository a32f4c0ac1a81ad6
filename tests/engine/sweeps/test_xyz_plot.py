"""Cells, their order, seeds, grids and texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import BadModelFile, EaselError, InvalidRequest, NotFound, OutOfMemory, OutputTrouble, Unsupported
from modules.core.result import Cancel, Progress
from modules.engine.sweeps.xyz_arguments import Arguments
from modules.engine.sweeps.xyz_axes import AXES, FIELDS
from modules.engine.sweeps.xyz_cells import lines_of, run_order
from modules.engine.sweeps.xyz_plot import with_keys
from tests.engine.sweeps.painting import Studio, color_of, document, pixels, same

PLOT = {"x_type": "Steps", "x_values": "4,6,8", "y_type": "CFG Scale", "y_values": "5.0, 9.0"}
BARE = {**PLOT, "draw_legend": False}


def test_a_cell_for_each_combination_in_a_grid(studio: Studio) -> None:
    result = studio.draw("X/Y/Z plot", BARE, width=128)
    (grid,) = result.pictures
    assert [(one.steps, one.cfg_scale) for one in studio.asked] == [(4, 5), (6, 5), (8, 5), (4, 9), (6, 9), (8, 9)]
    assert (grid.width, grid.height, result.first) == (3 * 128, 2 * 64, 1)
    for index, one in enumerate(studio.asked):
        assert tuple(pixels(grid)[index // 3 * 64, index % 3 * 128]) == color_of(one)


def test_texts_of_grid_and_cells(studio: Studio) -> None:
    result = studio.draw("X/Y/Z plot", PLOT)
    keys = 'Script: X/Y/Z plot, X Type: Steps, X Values: "4,6,8", Y Type: CFG Scale, Y Values: "5.0, 9.0", Version: Easel test'
    assert result.infotexts[0].endswith(keys) and "Steps: 4," in result.infotexts[0]
    assert len(result.infotexts) == 7 and all("Script" not in text for text in result.infotexts[1:])
    assert result.pictures[0].infotext == result.infotexts[0]


def test_legend_and_margins_take_their_place(studio: Studio) -> None:
    plain = studio.draw("X/Y/Z plot", {**BARE, "margin": 10}).pictures[0]
    drawn = studio.draw("X/Y/Z plot", PLOT).pictures[0]
    spread = studio.draw("X/Y/Z plot", {**PLOT, "margin": 10}).pictures[0]
    assert plain.width == 192 and drawn.width == 192 + 48 and drawn.height > plain.height
    assert (spread.width, spread.height) == (drawn.width + 20, drawn.height + 10)


def test_sub_grids_and_sub_images_come_behind(studio: Studio) -> None:
    args = {**PLOT, "z_type": "Seed", "z_values": "1,2", "include_grids": True, "include_pictures": True}
    result = studio.draw("X/Y/Z plot", args, save=True)
    assert len(result.pictures) == 1 + 2 + 12 and len(result.infotexts) == 15
    main, first, second, *cells = result.pictures
    assert main.width == first.width + second.width
    assert "Z Type: Seed" in main.infotext and "Fixed Z Values" in main.infotext
    assert "Z Type" not in second.infotext and "Seed: 2," in second.infotext
    assert [(cell.request.steps, cell.request.cfg_scale, cell.request.seed) for cell in cells[:4]] == [(4, 5, 1), (6, 5, 1), (8, 5, 1), (4, 9, 1)]
    assert [document(picture)["index"] for picture in (main, first, second)] == [0, 1, 2]
    assert studio.stored == ["xyz_grid"] * 3


def test_one_z_is_the_main_grid_itself(studio: Studio) -> None:
    main, sub = studio.draw("X/Y/Z plot", {**PLOT, "include_grids": True}).pictures
    assert (pixels(main) == pixels(sub)).all() and main.infotext == sub.infotext


@pytest.mark.parametrize(
    ("types", "nest"),
    [
        (("Steps", "Seed", "CFG Scale"), "zyx"),
        (("Checkpoint name", "Seed", "CFG Scale"), "xzy"),
        (("Seed", "Checkpoint name", "CFG Scale"), "yzx"),
        (("Seed", "CFG Scale", "Checkpoint name"), "zyx"),
        (("Checkpoint name", "Seed", "Checkpoint name"), "zyx"),
    ],
)
def test_dear_axes_change_least_often(types: tuple[str, str, str], nest: str) -> None:
    values: dict[str, Any] = {f"{letter}_type": name for letter, name in zip("xyz", types, strict=True)}
    lines = lines_of(Arguments(**values, x_values="1,2", y_values="3,4", z_values="5,6"))
    places = list(run_order(lines))
    assert len(set(places)) == 8
    changes = {letter: sum(one[axis] != other[axis] for one, other in zip(places, places[1:], strict=False)) for axis, letter in enumerate("xyz")}
    assert sorted("xyz", key=changes.__getitem__) == list(nest)


@pytest.mark.parametrize(
    ("varied", "seeds"),
    [
        ("", [5] * 8),
        ("x", [5, 6] * 4),
        ("y", [5, 5, 6, 6] * 2),
        ("xy", [5, 6, 7, 8] * 2),
        ("z", [5] * 4 + [6] * 4),
        ("yz", [5, 5, 6, 6, 7, 7, 8, 8]),
        ("xyz", list(range(5, 13))),
    ],
)
def test_seeds_vary_over_the_axes_that_say_so(studio: Studio, varied: str, seeds: list[int]) -> None:
    axes = {"x_type": "Steps", "x_values": "1,2", "y_type": "CFG Scale", "y_values": "1,2", "z_type": "Clip skip", "z_values": "1,2"}
    studio.draw("X/Y/Z plot", {**axes, **{f"vary_{letter}": True for letter in varied}})
    assert [one.seed for one in studio.asked] == seeds


def test_random_seeds_of_an_axis_are_drawn_once_and_recorded(studio: Studio) -> None:
    args = {"x_type": "Seed", "x_values": "-1, 7, -1", "y_type": "Steps", "y_values": "1,2"}
    result = studio.draw("X/Y/Z plot", args)
    seeds = [one.seed for one in studio.asked]
    assert seeds[:3] == seeds[3:] and seeds[1] == 7 and len(set(seeds)) == 3
    fixed = ", ".join(map(str, seeds[:3]))
    assert f'X Values: "-1, 7, -1", Fixed X Values: "{fixed}"' in result.infotexts[0]
    assert document(result.pictures[0])["request"]["script"]["args"]["x_values"] == fixed
    assert same(result, studio.again(result.request))


def test_random_seeds_can_be_kept_and_the_grid_is_made_again_all_the_same(studio: Studio) -> None:
    result = studio.draw("X/Y/Z plot", {**BARE, "keep_random": True, "vary_x": True}, seed=-1)
    seeds = [one.seed for one in studio.asked]
    assert len(set(seeds)) == 6 and min(seeds) >= 0 and result.request.seed == -1
    assert same(result, studio.again(result.pictures[0].request))


def test_a_variation_seed_is_one_for_all_cells(studio: Studio) -> None:
    result = studio.draw("X/Y/Z plot", {"x_type": "Var. strength", "x_values": "0,0.1,0.2"})
    assert len({one.variation.seed for one in studio.asked}) == 1 and studio.asked[0].variation.seed >= 0
    assert same(result, studio.again(result.request))
    studio.draw("X/Y/Z plot", {"x_type": "Var. strength", "x_values": "0.1,0.2", "keep_random": True})
    assert len({one.variation.seed for one in studio.asked[-2:]}) == 2


def test_seeds_that_do_not_act_are_not_drawn(studio: Studio) -> None:
    assert studio.draw("X/Y/Z plot", PLOT).request == studio.draw("X/Y/Z plot", PLOT).request


@pytest.mark.parametrize(
    "args",
    [
        PLOT,
        {"x_type": "Prompt S/R", "x_values": "cat,dog,", "y_type": "Sampler", "y_menu": ["Euler", "DPM++ 2M Karras"]},
        {"x_type": "Checkpoint name", "x_menu": ["tiny", "other"], "y_type": "guidance.min_sigma", "y_values": "0-2 [3]"},
        {"x_type": "Nothing"},
    ],
)
def test_a_grid_is_made_again_from_its_file(studio: Studio, args: dict[str, Any]) -> None:
    result = studio.draw("X/Y/Z plot", args, seed=-1, styles=["film"])
    again = studio.again(result.pictures[0].request)
    assert same(result, again) and again.request == result.request and again.infotexts == result.infotexts


def test_a_menu_counts_where_the_axis_has_one(studio: Studio) -> None:
    args = {"x_type": "Sampler", "x_values": "Heun", "x_menu": ["Euler", "Euler a"], "y_type": "Steps", "y_values": "2", "y_menu": ["9"]}
    assert 'X Values: "Euler,Euler a"' in studio.draw("X/Y/Z plot", args).infotexts[0]
    studio.draw("X/Y/Z plot", {**args, "text_inputs": True})
    assert [(one.sampler, one.steps) for one in studio.asked] == [("Euler", 2), ("Euler a", 2), ("Heun", 2)]


def test_of_a_batch_the_first_picture_is_shown_or_its_grid_where_it_is_saved(studio: Studio) -> None:
    first = studio.draw("X/Y/Z plot", BARE, batch_size=2, count=2)
    assert {one.pictures for one in studio.asked} == {1} and first.pictures[0].width == 192
    saved = studio.draw("X/Y/Z plot", BARE, batch_size=2, count=2, save=True)
    assert {one.pictures for one in studio.asked[6:]} == {4} and saved.pictures[0].width == 2 * 192
    assert same(saved, studio.again(saved.request, save=False)), "whether files are kept must not change what is drawn again"
    assert {event.pictures for event in studio.events if isinstance(event, Progress)} == {6, 24}


def test_a_cell_that_fails_stays_black_with_a_note(studio: Studio) -> None:
    studio.failing = lambda request: OutOfMemory("Too little memory.", "Make it smaller.") if request.steps == 6 else None
    result = studio.draw("X/Y/Z plot", {**BARE, "include_pictures": True})
    grid, *cells = result.pictures
    assert not pixels(grid)[0, 64].any() and pixels(grid)[0, 0].any() and not grid.complete
    assert len(cells) == 4 and len(result.infotexts) == 7 and result.infotexts[2] == ""
    assert [note.partition(" could")[0] for note in result.notes] == ["The cell Steps: 6, CFG Scale: 5.0", "The cell Steps: 6, CFG Scale: 9.0"]


def test_when_no_cell_can_be_made_the_first_error_is_told(studio: Studio) -> None:
    studio.failing = lambda request: BadModelFile(f"broken at {request.steps}", "Take another.")
    with pytest.raises(BadModelFile, match="at 4"):
        studio.draw("X/Y/Z plot", PLOT)


def test_a_full_disk_ends_the_plot(studio: Studio) -> None:
    studio.failing = lambda request: OutputTrouble("The disk is full.", "Make room.") if request.steps == 6 else None
    with pytest.raises(OutputTrouble):
        studio.draw("X/Y/Z plot", PLOT)


def test_a_stop_keeps_the_finished_cells(studio: Studio) -> None:
    studio.halt = 4, Cancel.STOP
    result = studio.draw("X/Y/Z plot", BARE)
    seen = pixels(result.pictures[0])
    assert result.cancelled is Cancel.STOP and not result.pictures[0].complete
    assert seen[64, 0].any() and not seen[64, 64].any() and not seen[64, 128].any()


@pytest.mark.parametrize(
    ("args", "error", "field"),
    [
        ({"x_type": "Steps", "x_values": ""}, InvalidRequest, "x_values"),
        ({"x_type": "Steps", "x_values": "0"}, InvalidRequest, "x_values"),
        ({"x_type": "Stebs", "x_values": "1"}, InvalidRequest, "x_type"),
        ({"x_type": "UniPC Order", "x_values": "1"}, Unsupported, "x_type"),
        ({"x_type": "Nothing", "y_type": "Checkpoint name", "y_values": "tiny,none"}, NotFound, "y_values"),
        ({"x_type": "Prompt S/R", "x_values": "zebra,dog"}, InvalidRequest, "x_values"),
        ({"x_type": "Seed", "x_values": "1-1000", "y_type": "Steps", "y_values": "1-100"}, InvalidRequest, "x_values"),
    ],
)
def test_bad_axes_are_refused_before_anything_is_drawn(studio: Studio, args: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        studio.draw("X/Y/Z plot", args)
    assert caught.value.field == f"script.args.{field}" and caught.value.remedy  # type: ignore[attr-defined]
    assert studio.asked == []


def test_keys_stand_before_the_version() -> None:
    assert with_keys("a\nSteps: 1, Version: Easel 1", {"X Values": "1,2"}) == 'a\nSteps: 1, X Values: "1,2", Version: Easel 1'
    assert with_keys("a", {"Script": "b"}) == "a, Script: b"


TYPED = st.text('0123456789-+.()[], x"', max_size=12) | st.sampled_from(["1-3", "cat,dog", "64x64", "Euler,Heun", "true,false", "", "-1,-1", "tiny"])


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([*(axis.name for axis in AXES), *FIELDS]), st.sampled_from(["Nothing", "Seed", "Prompt S/R", "Size"]), TYPED, TYPED)
def test_whatever_is_typed_is_plotted_or_refused(tmp_path_factory: pytest.TempPathFactory, x: str, y: str, xs: str, ys: str) -> None:
    studio = Studio(tmp_path_factory.getbasetemp())
    try:
        assert studio.draw("X/Y/Z plot", {"x_type": x, "x_values": xs, "y_type": y, "y_values": ys}, width=512, height=512).pictures
    except EaselError as error:
        assert error.remedy
