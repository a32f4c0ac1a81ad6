"""A1111's text and its dialects as requests. The texts are made here from the formats' descriptions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.groups.faces import RestoredFaces
from modules.core.params import named, value_of
from modules.core.request import GenerationRequest, templates
from modules.infotext import keys
from modules.infotext.read import read_text
from modules.infotext.reading import Reading
from modules.infotext.write import infotext

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
        (
            "Steps: 5, Sampler: Euler, Seed: 1, Size: 1024x1024, Denoising strength: 0.7, First pass size: 0x0",
            {"width": 512, "height": 512, "hires.enabled": True, "hires.width": 1024, "hires.height": 1024, "hires.strength": 0.7},
        ),
        (
            (
                f'{LINE}, Denoising strength: 0.5, Hires sampler: Euler, Hires prompt: "b, c", Hires negative prompt: 12x34, Hires schedule type: Karras, '
                "Hires upscale: 1.5, Hires steps: 6, Hires upscaler: Lanczos"
            ),
            {
                "hires.enabled": True,
                "hires.strength": 0.5,
                "hires.sampler": "Euler",
                "hires.prompt": "b, c",
                "hires.negative_prompt": "12x34",
                "hires.schedule": "Karras",
                "hires.scale": 1.5,
                "hires.steps": 6,
                "hires.upscaler": "Lanczos",
                "init.strength": 0.75,
                "text.comments": True,
            },
        ),
        (f"{LINE}, Hires resize: 384x0, Hires upscaler: Latent", {"hires.width": 384, "hires.height": 0}),
        (f"{LINE}, Hires upscale: 2, Hires sampler: DPM++ 2M Karras", {"hires.sampler": "DPM++ 2M", "hires.schedule": "Karras"}),
        (f"{LINE}, Hires upscale: 2, Hires sampler: Use same sampler, Hires schedule type: Use same scheduler", {"hires.sampler": "", "hires.schedule": ""}),
        (f"{LINE}, Hires upscale: 2, Hires prompt: blue #1", {"hires.prompt": "blue #1", "text.comments": False}),
        (f"{LINE}, Denoising strength: 0.6", {"init.strength": 0.6, "init.image": "", "hires.enabled": False, "hires.strength": 0.7}),
        (
            (
                f"{LINE}, Denoising strength: 0.6, Mask mode: Inpaint not masked, Mask blur: 6, Inpaint area: Only masked, Masked area padding: 8, Masked content: latent noise, "
                "Noise multiplier: 0.8, Extra noise: 0.1"
            ),
            {
                "mask.image": "",
                "mask.blur_x": 6,
                "mask.blur_y": 6,
                "mask.invert": True,
                "mask.area": "Only masked",
                "mask.padding": 8,
                "mask.content": "latent noise",
                "init.noise_multiplier": 0.8,
                "init.extra_noise": 0.1,
            },
        ),
        (
            f"{LINE}, Denoising strength: 0.6, Soft inpainting enabled: True, Soft inpainting schedule bias: 2, Soft inpainting mask influence: 0.5, Mask blur: 4",
            {"mask.soft.enabled": True, "mask.soft.bias": 2.0, "mask.soft.influence": 0.5},
        ),
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
        ("Sampler: DDPM", "sampler", "DDPM (diffusers)", "Sampler", "approximated"),
        ("Schedule type: Warp", "schedule", "Automatic", "Schedule type", "not restored"),
        ('Schedule sigmas: "14, 3, 3"', "spacing.sigmas", (), "Schedule sigmas", "not restored"),
        ('Schedule sigmas: "14, x"', "spacing.sigmas", (), "Schedule sigmas", "not restored"),
        ("Clip skip: 99", "text.clip_skip", 12, "Clip skip", "approximated"),
        ("Emphasis: shouting", "text.emphasis", "Original", "Emphasis", "not restored"),
        ("RNG: dice", "noise_source", "CPU", "RNG", "not restored"),
        ("Model hash: 45dee52b", "model_hash", "", "Model hash", "not restored"),
        ("Model hash: ../../x", "model_hash", "", "Model hash", "not restored"),
        ("Eta: inf", "solver.eta", None, "Eta", "not restored"),
        ('Lora hashes: "a: 12, b: 34"', "steps", 20, "Lora hashes", "not restored"),
        ('ControlNet 0: "Module: canny, Model: x"', "steps", 20, "ControlNet 0", "approximated"),
        ("Script: X/Y/Z plot", "steps", 20, "Script", "not restored"),
        ("VAE: TAESD, App: SD.Next", "vae", "Automatic", "VAE", "not restored"),
        ("VAE hash: none, VAE: x.pt", "vae_hash", "", "VAE hash", "not restored"),
        ("Hires upscaler: 4x_foo", "hires.upscaler", "Lanczos", "Hires upscaler", "approximated"),
        ("Hires upscaler: Latent Area", "hires.upscaler", "Latent", "Hires upscaler", "approximated"),
        ("Hires checkpoint: other", "hires.enabled", True, "Hires checkpoint", "not restored"),
        ("CFG scale: 7, Hires CFG Scale: 5", "hires.enabled", True, "Hires CFG Scale", "not restored"),
        ("Hires Module 1: x.safetensors", "hires.enabled", True, "Hires Module 1", "not restored"),
        ("Refiner: ../", "refiner.checkpoint", "", "Refiner", "not restored"),
        ("Refiner start: 0.5", "refiner.checkpoint", "", "Refiner start", "not restored"),
        ("Hires resize: large", "hires.width", 0, "Hires resize", "not restored"),
        ("First pass size: large, Size: 64x64", "hires.width", 0, "First pass size", "not restored"),
        ("Hires steps: 9999", "hires.steps", 1000, "Hires steps", "approximated"),
        ("Hires sampler: Warp drive", "hires.sampler", "", "Hires sampler", "not restored"),
        ("Hires schedule type: Warp", "hires.schedule", "", "Hires schedule type", "not restored"),
        ("Denoising strength: 7", "init.strength", 1.0, "Denoising strength", "approximated"),
        ("Denoising strength: 0, Version: v1.5.1", "init.strength", 0.75, "Denoising strength", "not restored"),
        ("Mask mode: Upside down", "mask.invert", False, "Mask mode", "not restored"),
        ("Masked content: fill", "mask.blur_y", 0, "Mask blur", "approximated"),
        ("Masked content: paint", "mask.content", "original", "Masked content", "not restored"),
        ("Init image hash: 0123", "init.image", "", "Init image hash", "not restored"),
        ("SD upscale overlap: 64", "script.name", "", "SD upscale overlap", "not restored"),
        ("Unheard of: 1", "steps", 20, "Unheard of", "not restored"),
    ],
)
def test_what_cannot_be_held_is_said(line: str, name: str, kept: Any, key: str, state: str) -> None:
    reading = read_text(f"a cat\nAAA: 1, BBB: 2, {line}")
    assert value(reading, name) == kept
    row = next(row for row in reading.rows if row.key == key)
    assert (row.state, bool(row.note)) == (state, True)


def test_a_vae_is_taken_by_its_name_without_the_place_where_it_lay() -> None:
    reading = read_text("a cat\nSteps: 1, Seed: 2, VAE hash: 0123456789, VAE: ../../x.pt")
    assert (reading.request.vae, reading.request.vae_hash) == ("x.pt", "0123456789")
    assert read_text("a cat\nSteps: 1, Seed: 2, Size: 64x64").request.vae == "Automatic"


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


@pytest.mark.parametrize(
    "line, notes",
    [
        (f"{LINE}, RNG: CPU", []),
        (f"{LINE}, RNG: CPU, Hires upscale: 2, Denoising strength: 0.5", []),
        (f"{LINE}, RNG: CPU, Denoising strength: 0.5", [keys.BEGUN]),
        (f"{LINE}, RNG: CPU, Denoising strength: 0.5, Mask blur: 4, Masked content: fill", [keys.PAINTED]),
        (f"{LINE}, RNG: CPU, Denoising strength: 0.5, Script: SD upscale", [keys.BEGUN]),
        (f"{LINE}, RNG: CPU, Denoising strength: 0, Version: v1.5.1", []),
    ],
)
def test_one_note_says_which_pictures_are_missing(line: str, notes: list[str]) -> None:
    reading = read_text(f"x\n{line}")
    assert reading.notes == notes
    assert reading.request.init.image == reading.request.mask.image == ""


def test_what_repeats_the_first_pass_is_a_fact() -> None:
    reading = read_text(f"x\n{LINE}, Model: m, Hires upscale: 2, Hires checkpoint: m [0123456789], Hires CFG Scale: 7.0, Hires Module 1: Use same choices")
    assert not [row for row in reading.rows if row.state == "not restored"]
    assert {"Hires checkpoint", "Hires CFG Scale", "Hires Module 1"} <= set(reading.facts)


def test_an_enlargement_without_a_second_pass_is_said() -> None:
    reading = read_text(f"x\n{LINE}, App: SD.Next, Hires upscaler: 4x, Hires scale: 2.0")
    assert {row.key: row.note for row in reading.rows if row.state == "not restored"} == {"Hires scale": keys.ENLARGED, "Hires upscaler": keys.ENLARGED}


def test_json_inside_a_quoted_prompt_stays_there() -> None:
    assert read_text(f'x\n{LINE}, Hires upscale: 2, Hires prompt: "a, Hashes: []"').request.hires.prompt == "a, Hashes: []"


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
        (
            f"x\n{LINE}, Version: f2.0.1v1.10.1-previous-1-gabc, Distilled CFG Scale: 2.5, Module 1: ae, Module 2: sub/clip_l.safetensors",
            "Forge",
            {"steps": 12, "guidance.distilled": 2.5, "companions": {"ae": "", "clip_l": ""}},
        ),
        (f"x\n{LINE}, Version: neo", "Forge", {"steps": 12}),
        (
            f"x\n{LINE}, Denoising strength: 0.4, Hires Module 1: Use same choices, Hires CFG Scale: 7, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+, Version: f2.0.1",
            "Forge",
            {"hires.enabled": True, "hires.strength": 0.4, "hires.scale": 2.0, "hires.upscaler": "Lanczos"},
        ),
        (
            (
                f"x\n{LINE}, App: SD.Next, Refine: True, HiRes mode: 1, Hires upscaler: Latent Bicubic, Hires scale: 1.5, Hires size: 768x1152, Hires force: True, Hires steps: 9, "
                "Hires strength: 0.3, Hires sampler: Default, Hires CFG scale: 7"
            ),
            "SD.Next",
            {
                "hires.enabled": True,
                "hires.strength": 0.3,
                "hires.scale": 1.5,
                "hires.width": 0,
                "hires.upscaler": "Latent (bicubic)",
                "hires.steps": 9,
                "hires.sampler": "",
            },
        ),
        (
            f"x\n{LINE}, App: SD.Next, Hires upscaler: Latent, Hires fixed: 800x600, Hires size: 800x600, Hires strength: 0.3",
            "SD.Next",
            {"hires.width": 800, "hires.height": 600},
        ),
        (f"x\n{LINE}, App: SD.Next, Refine: True, Hires upscaler: 4x, Hires scale: 2.0", "SD.Next", {"hires.enabled": False}),
        (
            f"x\n{LINE}, Hires upscale: Lanczos, Hires scale: 2.500000, Hires resize: 0x0, Hires steps: 0, Denoising strength: 0.350000, Version: stable-diffusion.cpp",
            "stable-diffusion.cpp",
            {"hires.enabled": True, "hires.scale": 2.5, "hires.upscaler": "Lanczos", "hires.width": 0, "hires.steps": 0, "hires.strength": 0.35},
        ),
        (
            f"x\nNegative prompt: \n{LINE}, App: SD.Next, Version: 67408bb, CLiP-skip: 2, Variation strength: 0.5, Parser: compel",
            "SD.Next",
            {"text.clip_skip": 2, "variation.strength": 0.5},
        ),
        (
            "x\nSteps: 4, CFG scale: 1.000000, Guidance: 2.500000, Eta: inf, Seed: 42, Size: 512x512, Model: , RNG: cuda, Sampler: dpm++2m karras, Version: stable-diffusion.cpp",
            "stable-diffusion.cpp",
            {"cfg_scale": 1.0, "guidance.distilled": 2.5, "noise_source": "NV", "sampler": "DPM++ 2M", "schedule": "Karras", "model": "", "seed": 42},
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


def test_templates_of_another_programs_wildcards_can_be_used_again() -> None:
    reading = read_text(f'a cat\nNegative prompt: x\n{LINE}, Template: "__animal__, {{a|b}}", Negative Template: {{x|y}}')
    assert reading.request.prompt == "a cat" and templates(reading.request) == {"prompt": "__animal__, {a|b}", "negative_prompt": "{x|y}"}
    assert states(reading)["Template"] == "restored"


@pytest.mark.parametrize("record", ["3", "[]", "{", '{"one": 3}', '"{\\"one\\": [1]}"'])
def test_a_record_of_extensions_that_is_none_is_said(record: str) -> None:
    reading = read_text(f"a cat\n{LINE}, Extensions: {record}")
    assert reading.request.extensions == {} and states(reading)["Extensions"] == "not restored"


def test_an_upscaler_that_needs_a_file_is_told_and_may_take_its_place() -> None:
    reading = read_text(f"x\n{LINE}, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: 4x_foo")
    assert (reading.upscaler, reading.request.hires.upscaler) == ("4x_foo", "Lanczos")
    known = reading.with_upscaler("4x_foo")
    assert known.request.hires.upscaler == "4x_foo" and known.request.hires.scale == 2
    assert [(row.state, row.note) for row in known.rows if row.key == "Hires upscaler"] == [("restored", "")]


@pytest.mark.parametrize(
    ("said", "faces", "state"),
    [
        ("Face restoration: CodeFormer", {"restore": True, "restorer": "CodeFormer"}, "approximated"),
        ("Face restoration: GFPGAN", {"restore": True, "restorer": "GFPGAN"}, "restored"),
        ("Face restoration: codeformer, CodeFormer weight: 0.25", {"restore": True, "restorer": "CodeFormer", "weight": 0.25}, "restored"),
        ("Face restoration: RestoreFormer, CodeFormer weight: 0.25", {}, "not restored"),
    ],
)
def test_restored_faces(said: str, faces: dict[str, Any], state: str) -> None:
    """A1111 never says CodeFormer's weight."""
    reading = read_text(f"x\n{LINE}, {said}")
    assert reading.request.faces == RestoredFaces(**faces) and states(reading)["Face restoration"] == state


@given(st.sampled_from(["CodeFormer", "GFPGAN"]), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_restored_faces_of_ours_come_back(restorer: Any, weight: float) -> None:
    faces = RestoredFaces(restore=True, restorer=restorer, weight=weight if restorer == "CodeFormer" else 0.5)
    reading = read_text(infotext(GenerationRequest(prompt="x", seed=3, faces=faces), version="Easel 1"))
    assert reading.request.faces == faces and states(reading)["Face restoration"] == "restored"
