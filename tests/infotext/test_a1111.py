"""A1111's text and its dialects as requests. The texts are made here from the formats' descriptions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.params import named, value_of
from modules.core.request import GenerationRequest
from modules.infotext.read import read_text
from modules.infotext.reading import Reading

LINE = "Steps: 12, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768"


def value(reading: Reading, name: str) -> Any:
    return value_of(reading.request, named(GenerationRequest, name))


def states(reading: Reading) -> dict[str, str]:
    return {row.key: row.state for row in reading.rows}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("Steps: 30, Sampler: Heun, CFG scale: 4.5, Seed: 99", {"steps": 30, "sampler": "Heun", "cfg_scale": 4.5, "seed": 99}),
        ("Steps: 30, Sampler: DPM++ 2M Karras, Seed: 1", {"sampler": "DPM++ 2M", "schedule": "Karras"}),
        ("Steps: 30, Sampler: DPM++ 2M SDE Exponential, Seed: 1", {"sampler": "DPM++ 2M SDE", "schedule": "Exponential"}),
        ("Steps: 30, Sampler: k_euler_a, Seed: 1", {"sampler": "Euler a", "schedule": "Automatic"}),
        ("Steps: 30, Sampler: DPM++ 2M, Schedule type: SGM Uniform, Seed: 1", {"sampler": "DPM++ 2M", "schedule": "SGM Uniform"}),
        ("Steps: 30, Sampler: DPM++ 2M Karras, Schedule type: Automatic, Seed: 1", {"sampler": "DPM++ 2M", "schedule": "Karras"}),
        ("Steps: 30, Sampler: DPM++ 2M, Seed: 1, Version: v1.8.0", {"schedule": "Uniform"}),
        ("Steps: 30, Sampler: DPM++ 2M, Seed: 1, Version: v1.10.1", {"schedule": "Automatic"}),
        (f"{LINE}, Clip skip: 2, ENSD: 31337, Tiling: True", {"text.clip_skip": 2, "solver.ensd": 31337, "tiling": True}),
        (f"{LINE}, RNG: CPU", {"noise_source": "CPU"}),
        (f"{LINE}, RNG: NV", {"noise_source": "NV"}),
        (f"{LINE}, Eta: 0.4, Sigma churn: 2, NGMS: 1.5", {"solver.eta": 0.4, "solver.churn": 2.0, "guidance.min_sigma": 1.5}),
        (f"{LINE}, Variation seed: 5, Variation seed strength: 0.3", {"variation.seed": 5, "variation.strength": 0.3}),
        (f"{LINE}, Seed resize from: 640x384", {"variation.width": 640, "variation.height": 384, "width": 512, "height": 768}),
        (f"{LINE}, Model hash: 0123456789, Model: C:\\x\\name.v2.safetensors", {"model_hash": "0123456789", "model": "name.v2"}),
        (f"{LINE}, Model: 64x32", {"model": "64x32"}),
        (f'{LINE}, TI hashes: "one: 0123456789ab, two three: ba9876543210"', {"embeddings": {"one": "0123456789ab", "two three": "ba9876543210"}}),
        (f"{LINE}, Emphasis: no norm", {"text.emphasis": "No norm"}),
        (f"{LINE}, Version: v1.5.1", {"spacing.downcast_alphas": True}),
        ("Steps: 5, Sampler: Euler, Seed: 1, Size: 1024x1024, First pass size: 0x0", {"width": 512, "height": 512}),
    ],
)
def test_restored(line: str, expected: dict[str, Any]) -> None:
    reading = read_text(f"a cat\nNegative prompt: a dog\n{line}")
    assert (reading.request.prompt, reading.request.negative_prompt, reading.source) == ("a cat", "a dog", "AUTOMATIC1111")
    assert {name: value(reading, name) for name in expected} == expected


@pytest.mark.parametrize(
    "line, name, kept, key, state",
    [
        ("Steps: 9999", "steps", 1000, "Steps", "approximated"),
        ("Steps: 0", "steps", 1, "Steps", "approximated"),
        ("Steps: 12.6", "steps", 13, "Steps", "approximated"),
        ("Steps: many", "steps", 20, "Steps", "not restored"),
        ("CFG scale: nan", "cfg_scale", 7.0, "CFG scale", "not restored"),
        ("CFG scale: 1e9", "cfg_scale", 100.0, "CFG scale", "approximated"),
        ("Seed: 99999999999999999999", "seed", -1, "Seed", "not restored"),
        ("Seed: -5", "seed", -1, "Seed", "not restored"),
        ("Size: 10x90000", "width", 64, "Size", "approximated"),
        ("Size: large", "width", 512, "Size", "not restored"),
        ("Sampler: Warp drive", "sampler", "DPM++ 2M", "Sampler", "not restored"),
        ("Sampler: DDPM", "sampler", "Euler a", "Sampler", "approximated"),
        ("Schedule type: Warp", "schedule", "Automatic", "Schedule type", "not restored"),
        ("Clip skip: 99", "text.clip_skip", 12, "Clip skip", "approximated"),
        ("Emphasis: shouting", "text.emphasis", "Original", "Emphasis", "not restored"),
        ("RNG: dice", "noise_source", "CPU", "RNG", "not restored"),
        ("Model hash: 45dee52b", "model_hash", "", "Model hash", "not restored"),
        ("Model hash: ../../x", "model_hash", "", "Model hash", "not restored"),
        ("Eta: inf", "solver.eta", None, "Eta", "not restored"),
        ("Denoising strength: 0.5", "init.strength", 0.5, "Denoising strength", "restored"),
        ("Hires upscale: 2", "hires.scale", 2.0, "Hires upscale", "restored"),
        ('Lora hashes: "a: 12, b: 34"', "steps", 20, "Lora hashes", "not restored"),
        ("Mask blur: 6", "mask.blur_x", 6, "Mask blur", "restored"),
        ('ControlNet 0: "Module: canny, Model: x"', "steps", 20, "ControlNet 0", "not restored"),
        ("Script: X/Y/Z plot", "steps", 20, "Script", "not restored"),
        ("VAE: x.pt", "steps", 20, "VAE", "not restored"),
        ("Hires resize: 640x480", "hires.width", 640, "Hires resize", "restored"),
        ("Hires upscaler: 4x_foo", "hires.upscaler", "Latent", "Hires upscaler", "not restored"),
        ("Hires checkpoint: other", "hires.enabled", True, "Hires checkpoint", "not restored"),
        ("Unheard of: 1", "steps", 20, "Unheard of", "not restored"),
    ],
)
def test_what_cannot_be_held_is_said(line: str, name: str, kept: Any, key: str, state: str) -> None:
    reading = read_text(f"a cat\nAAA: 1, BBB: 2, {line}")
    assert value(reading, name) == kept
    row = next(row for row in reading.rows if row.key == key)
    assert (row.state, bool(row.note)) == (state, True)


def test_old_sampler_defaults_are_explained() -> None:
    row = next(row for row in read_text("x\nSteps: 30, Sampler: DPM++ SDE, Seed: 1, Version: v1.6.0").rows if row.key == "Schedule type")
    assert (row.state, row.value) == ("approximated", "Uniform")


def test_noise_that_is_not_named() -> None:
    """A foreign picture was most likely made on an NVIDIA card; through A1111's API the absence means its default; Easel leaves only "GPU" out."""
    foreign = read_text(f"x\n{LINE}")
    assert foreign.request.noise_source == "NV"
    assert states(foreign)["RNG"] == "approximated"
    assert any("CPU" in note for note in foreign.notes)
    assert read_text(f"x\n{LINE}", unsaid_noise="GPU").request.noise_source == "GPU"
    assert read_text(f"x\n{LINE}, Version: Easel 0.1").request.noise_source == "GPU"
    assert read_text(f"x\n{LINE}, RNG: CPU").notes == []


def test_a_hash_sign_that_is_still_there_is_no_comment() -> None:
    assert read_text(f"cat #1\n{LINE}").request.text.comments is False
    assert read_text(f"cat\n{LINE}").request.text.comments is True


def test_loras_stay_in_the_prompt() -> None:
    assert read_text(f"cat <lora:x:0.5>\n{LINE}").request.prompt == "cat <lora:x:0.5>"


def test_a_plain_text_is_a_prompt() -> None:
    reading = read_text("just a cat\nNegative prompt: dog")
    assert (reading.request.prompt, reading.request.negative_prompt, reading.source) == ("just a cat", "dog", "")
    assert reading.notes


@pytest.mark.parametrize(
    "text, source, expected",
    [
        (f"x\n{LINE}, Version: f2.0.1v1.10.1-previous-1-gabc, Distilled CFG Scale: 3.5, Module 1: ae", "Forge", {"steps": 12}),
        (f"x\n{LINE}, Version: neo", "Forge", {"steps": 12}),
        (
            f"x\nNegative prompt: \n{LINE}, App: SD.Next, Version: 67408bb, CLiP-skip: 2, Variation strength: 0.5, Parser: compel",
            "SD.Next",
            {"text.clip_skip": 2, "variation.strength": 0.5},
        ),
        (
            "x\nSteps: 4, CFG scale: 1.000000, Guidance: 3.500000, Eta: inf, Seed: 42, Size: 512x512, Model: , RNG: cuda, Sampler: dpm++2m karras, Version: stable-diffusion.cpp",
            "stable-diffusion.cpp",
            {"cfg_scale": 1.0, "noise_source": "NV", "sampler": "DPM++ 2M", "schedule": "Karras", "model": "", "seed": 42},
        ),
        (
            f'x\n{LINE}, RNG: cpu, Version: stable-diffusion.cpp, SDCPP: {{"schema": 1, "loras": [{{"a": "b, c: d"}}]}}',
            "stable-diffusion.cpp",
            {"noise_source": "CPU", "steps": 12},
        ),
        (
            f'x\n{LINE}, Clip skip: 2, Created Date: 2024-01-02T03:04:05Z, Civitai resources: [{{"type":"checkpoint","modelName":"A, B","air":"urn:air:sd1:x"}}], Civitai metadata: {{}}',
            "Civitai",
            {"text.clip_skip": 2, "model": "A, B"},
        ),
        (f'x\n{LINE}, Hashes: {{"model": "0123456789", "lora:a": "ff"}}', "AUTOMATIC1111", {"model_hash": "0123456789"}),
        (f'x\n{LINE}, Hashes: "{{\\"model\\": \\"0123456789\\"}}"', "AUTOMATIC1111", {"model_hash": "0123456789"}),
        (f"x\n{LINE}, Scheduler: karras, Styles: \"['Fooocus V2']\", Version: Fooocus v2.5.5", "Fooocus", {"schedule": "Karras"}),
        (f"x\n{LINE}, Version: ComfyUI", "ComfyUI", {"noise_source": "CPU"}),
        ("x\nSteps: 5, Sampler: dpmpp_2m_sde_gpu_karras, Seed: 1, Version: ComfyUI", "ComfyUI", {"sampler": "DPM++ 2M SDE", "schedule": "Karras"}),
        (f"x\n{LINE}, Version: Easel 0.1", "Easel", {"steps": 12}),
    ],
)
def test_dialects(text: str, source: str, expected: dict[str, Any]) -> None:
    reading = read_text(text)
    assert reading.source == source
    assert {name: value(reading, name) for name in expected} == expected


def test_json_at_the_end_makes_no_keys() -> None:
    reading = read_text(f'x\n{LINE}, Civitai resources: [{{"type":"lora","air":"urn: y, zz: 3"}}]')
    assert not {"urn", "zz", "air"} & set(states(reading))


@settings(deadline=None)
@given(
    st.text(alphabet='Steps:,Seed "1x\\{}[]\n#', max_size=200),
    st.sampled_from(["", LINE, f"{LINE}, Civitai resources: [", f"{LINE}, Hashes: {{", f"{LINE}, TI hashes: "]),
)
def test_never_raises(text: str, line: str) -> None:
    for whole in (f"{text}\n{line}", f"{line}{text}", f"{line}, {text}"):
        assert isinstance(read_text(whole).request, GenerationRequest)
