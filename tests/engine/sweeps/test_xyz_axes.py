"""What each axis changes in a request, and how a value is named."""

from __future__ import annotations

from typing import Any

import pytest

from modules.core.errors import EaselError, InvalidRequest, Unsupported
from modules.core.groups.editing import Init
from modules.core.params import named, value_of
from modules.core.request import GenerationRequest
from modules.engine.sweeps.xyz_axes import AXES, FIELDS, axes_of, axis_of

REQUEST = GenerationRequest(prompt="a red cat and a dog", negative_prompt="red sky", styles=("film",))


@pytest.mark.parametrize(
    ("axis", "value", "field", "after"),
    [
        ("Seed", 4, "seed", 4),
        ("Var. seed", 4, "variation.seed", 4),
        ("Var. strength", 0.5, "variation.strength", 0.5),
        ("steps", 9, "steps", 9),
        ("Hires steps", 9, "hires.steps", 9),
        ("CFG Scale", 3.5, "cfg_scale", 3.5),
        ("Sampler", "k_euler_a", "sampler", "Euler a"),
        ("Sampler", "DPM++ 2M Karras", "schedule", "Karras"),
        ("Hires sampler", "heun", "hires.sampler", "Heun"),
        ("Checkpoint name", "other", "model", "other"),
        ("Negative Guidance minimum sigma", 1.5, "guidance.min_sigma", 1.5),
        ("Sigma Churn", 2.0, "solver.churn", 2.0),
        ("Sigma max", 2.0, "solver.tmax", 2.0),
        ("Schedule type", "karras", "schedule", "Karras"),
        ("Schedule rho", 5.0, "spacing.rho", 5.0),
        ("Beta schedule beta", 0.7, "spacing.beta_beta", 0.7),
        ("Eta", 0.5, "solver.eta", 0.5),
        ("Clip skip", 2, "text.clip_skip", 2),
        ("Denoising", 0.3, "hires.strength", 0.3),
        ("Hires upscaler", "lanczos", "hires.upscaler", "Lanczos"),
        ("Styles", "grain, old", "styles", ("film", "grain", "old")),
        ("Always discard next-to-last sigma", "True", "spacing.discard_penultimate", True),
        ("SGM noise multiplier", "false", "spacing.sgm_noise", False),
        ("RNG source", "nv", "noise_source", "NV"),
        ("Size", "64x96", "height", 96),
        ("text.emphasis", "no NORM", "text.emphasis", "No norm"),
        ("tiling", "true", "tiling", True),
        ("guidance.skip_early", 0.5, "guidance.skip_early", 0.5),
    ],
)
def test_an_axis_changes_its_field(axis: str, value: Any, field: str, after: Any) -> None:
    changed = axis_of(axis).apply(REQUEST, value, [value])
    assert value_of(changed, named(GenerationRequest, field)) == after


def test_denoising_is_the_start_pictures_where_there_is_one() -> None:
    changed = axis_of("Denoising").apply(GenerationRequest(init=Init(image="sha256:0")), 0.3, [0.3])
    assert (changed.init.strength, changed.hires.strength) == (0.3, 0.7)


def test_search_and_replace_acts_on_both_prompts() -> None:
    changed = axis_of("Prompt S/R").apply(REQUEST, "blue", ["red", "blue"])
    assert (changed.prompt, changed.negative_prompt) == ("a blue cat and a dog", "blue sky")


def test_levels_are_written_with_spaces_or_quoted() -> None:
    for text in ("14.6 2.5 0.3", "14.6, 2.5, 0.3, 0"):
        assert axis_of("Schedule sigmas").apply(REQUEST, text, [text]).spacing.sigmas == (14.6, 2.5, 0.3)
    assert axis_of("spacing.sigmas").apply(REQUEST, "", [""]).spacing.sigmas == ()


def test_words_change_places_and_the_text_between_stays() -> None:
    values = [("cat", "dog", "red")]
    changed = axis_of("Prompt order").apply(REQUEST, values[0], values)
    assert changed.prompt == "a cat dog and a red"


@pytest.mark.parametrize(
    ("axis", "value", "values"),
    [
        ("Prompt S/R", "x", ["zebra", "x"]),
        ("Prompt S/R", "x", ["", "x"]),
        ("Prompt order", ("zebra", "cat"), []),
        ("Prompt order", ("", "cat"), []),
        ("Size", "64", []),
        ("Size", "64x32", []),
        ("Steps", 0, []),
        ("CFG Scale", float("nan"), []),
        ("Sampler", "Euler b", []),
        ("Schedule type", "Carras", []),
        ("SGM noise multiplier", "perhaps", []),
        ("RNG source", "TPU", []),
        ("Schedule sigmas", "1 2", []),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_a_remedy(axis: str, value: Any, values: list[Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        axis_of(axis).apply(REQUEST, value, values or [value])
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("axis", "value", "label"),
    [
        ("Steps", 4, "Steps: 4"),
        ("CFG Scale", 5.0, "CFG Scale: 5.0"),
        ("CFG Scale", 1.2000000000000002, "CFG Scale: 1.2"),
        ("Prompt S/R", "a dog", "a dog"),
        ("Sampler", "Euler a", "Euler a"),
        ("Hires sampler", "Euler a", "Hires sampler: Euler a"),
        ("Checkpoint name", "folder/some.safetensors [abc]", "some.safetensors [abc]"),
        ("Prompt order", ("b", "a"), "b, a"),
        ("tiling", "true", "Tiling: true"),
        ("Schedule sigmas", "14 3 0.5", "Schedule sigmas: 14 3 0.5"),
    ],
)
def test_labels(axis: str, value: Any, label: str) -> None:
    assert axis_of(axis).label(value) == label


def test_the_lists_of_the_tabs() -> None:
    assert axes_of("txt2img")[:7] == ["Nothing", "Seed", "Var. seed", "Var. strength", "Steps", "Hires steps", "CFG Scale"]
    assert (len(axes_of("txt2img")), len(axes_of("img2img"))) == (43, 42)
    assert axes_of("img2img")[5:7] == ["CFG Scale", "Image CFG Scale"]


@pytest.mark.parametrize(
    ("word", "faces"),
    [
        ("CodeFormer", (True, "CodeFormer")),
        ("gfpgan", (True, "GFPGAN")),
        ("Yes", (True, "Automatic")),
        ("1", (True, "Automatic")),
        ("none", (False, "Automatic")),
    ],
)
def test_faces_by_a1111s_words(word: str, faces: tuple[bool, str]) -> None:
    axis = axis_of("Face restore")
    made = axis.apply(GenerationRequest(), word, [word]).faces
    assert (made.restore, made.restorer) == faces and axis.label(word) == word


def test_what_easel_lacks_is_refused_by_name() -> None:
    lacking = [axis.name for axis in AXES if axis.lacking]
    assert "UniPC Order" in lacking
    for name in lacking:
        with pytest.raises(Unsupported, match="not built yet"):
            axis_of(name)


def test_an_unknown_axis_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="CFG Scale"):
        axis_of("CFG Skale")


@pytest.mark.parametrize("name", FIELDS)
def test_every_plain_field_is_an_axis(name: str) -> None:
    axis = axis_of(name)
    default = value_of(GenerationRequest(), named(GenerationRequest, name))
    try:
        assert axis.apply(GenerationRequest(), default, [default]) == GenerationRequest()
    except EaselError:
        assert default is None


@pytest.mark.parametrize(("typed", "kept"), [("Enable", "fp8"), ("enable for sdxl", "fp8 for SDXL"), ("Disable", "full"), ("int8", "int8")])
def test_the_fp8_mode_is_said_in_a1111s_words(typed: str, kept: str) -> None:
    axis = axis_of("FP8 mode")
    assert axis.apply(GenerationRequest(storage="nf4"), typed, [typed]).storage == kept
    assert (axis.field, axis.cost, list(axis.choices or ())) == ("storage", 0.9, ["Disable", "Enable for SDXL", "Enable"])
