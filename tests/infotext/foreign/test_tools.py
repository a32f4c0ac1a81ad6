"""InvokeAI, NovelAI, Fooocus, SwarmUI, Easy Diffusion, Draw Things and Civitai: their metadata made here from the formats' descriptions, and any JSON in their places."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.params import named, value_of
from modules.core.request import GenerationRequest
from modules.infotext.files import XMP, Found
from modules.infotext.foreign import civitai, drawthings, easydiffusion, fooocus, invokeai, novelai, swarmui
from modules.infotext.read import read, read_text
from modules.infotext.reading import Reading

INVOKE: dict[str, Any] = {
    "app_version": "4.2.0", "generation_mode": "txt2img", "positive_prompt": "a (big cat)1.2", "negative_prompt": "blur++", "width": 640, "height": 448, "seed": 5, "rand_device": "cpu",
    "cfg_scale": 6.5, "steps": 33, "scheduler": "dpmpp_2m_k", "clip_skip": 1, "seamless_x": True, "seamless_y": True, "model": {"key": "k", "hash": "blake3:abcd", "name": "Some Model", "base": "sd-1"},
    "loras": [{"model": {"name": "l"}, "weight": 0.5}], "strength": 0.7, "hrf_enabled": True,
}  # fmt: skip
INVOKE2: dict[str, Any] = {
    "model": "stable diffusion", "model_weights": "sd-1.5", "model_hash": "ab" * 32, "app_id": "invoke-ai/InvokeAI", "app_version": "v2.3.0",
    "image": {"prompt": [{"prompt": "a cat++ [ugly, bad]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5, "height": 512, "width": 768, "seed": 8, "type": "txt2img", "sampler": "k_lms", "seamless": False},
}  # fmt: skip
NOVEL: dict[str, Any] = {
    "steps": 28, "sampler": "k_dpmpp_2m", "seed": 6, "scale": 5.0, "uc": "[bad]", "prompt": "{cat} (animal)", "width": 832, "height": 1216, "noise_schedule": "karras", "sm": True, "cfg_rescale": 0.2,
    "uncond_scale": 1.0, "strength": 0.5,
}  # fmt: skip
NOVEL4: dict[str, Any] = {
    "steps": 23, "sampler": "k_euler_ancestral", "seed": 7, "scale": 5.5, "uc": "old", "prompt": "old", "width": 1024, "height": 1024, "noise_schedule": "native",
    "v4_prompt": {"caption": {"base_caption": "1.2::two cats::", "char_captions": [{"char_caption": "red cat", "centers": [{"x": 0.5, "y": 0.5}]}]}},
    "v4_negative_prompt": {"caption": {"base_caption": "dog", "char_captions": []}},
}  # fmt: skip
FOOOCUS: dict[str, Any] = {
    "metadata_scheme": "fooocus", "prompt": "cat", "full_prompt": ["a cat", "style"], "full_negative_prompt": ["bad"], "negative_prompt": "", "steps": 30, "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras", "seed": "123", "guidance_scale": 4.0, "resolution": "(896, 1152)", "base_model": "base_xl", "base_model_hash": "0123456789", "clip_skip": 2, "sharpness": 2,
    "loras": [["l", 0.5, "abc"]], "performance": "Speed", "styles": "['A']", "version": "Fooocus v2.5.5", "refiner_model": "None", "vae": "Default (model)",
}  # fmt: skip
FOOOCUS_OLD: dict[str, Any] = {"Prompt": "cat", "Negative Prompt": "dog", "Performance": "Quality", "Resolution": "(1152, 896)", "Sharpness": 2.0, "Guidance Scale": 7.0, "Base Model": "m.safetensors", "Sampler": "dpmpp_2m_sde_gpu", "Scheduler": "karras", "Seed": 4}  # fmt: skip
SWARM: dict[str, Any] = {
    "sui_image_params": {
        "prompt": "a (cat:1.2)", "negativeprompt": "dog", "model": "OfficialModels/x.safetensors", "seed": 9, "steps": 21, "cfgscale": 7.5, "aspectratio": "1:1", "width": 768, "height": 640,
        "sampler": "euler_ancestral", "scheduler": "karras", "loras": ["a"], "loraweights": ["0.5"], "refinermethod": "PostApply", "clipstopatlayer": -2, "swarm_version": "0.9.4",
    },
    "sui_models": [{"name": "x.safetensors", "param": "model", "hash": "0xabc"}],
}  # fmt: skip
EASY: dict[str, Any] = {
    "prompt": "a cat", "negative_prompt": "dog", "seed": 3, "use_stable_diffusion_model": "C:\\models\\sd-v1-5.ckpt", "clip_skip": True, "use_vae_model": "v", "sampler_name": "dpm_solver_stability",
    "width": 512, "height": 768, "num_inference_steps": 25, "guidance_scale": 7.5, "use_lora_model": None, "tiling": "xy",
}  # fmt: skip
EASY_LABELS: dict[str, Any] = {"Prompt": "a cat", "Negative Prompt": "dog", "Seed": "3", "Stable Diffusion model": "sd-v1-5", "Clip Skip": "True", "VAE model": "None", "Sampler": "euler_a", "Width": "512", "Height": "768", "Steps": "25", "Guidance Scale": "7.5"}  # fmt: skip
DRAW: dict[str, Any] = {
    "c": "a (cat:1.2)", "uc": "dog", "model": "sd_v1.5_f16.ckpt", "sampler": "DPM++ 2M Karras", "seed": 11, "scale": 7.5, "steps": 24, "size": "512x768", "strength": 1, "seed_mode": "Scale Alike",
    "lora": [], "v2": {"clipSkip": 2, "hiresFix": False},
}  # fmt: skip
CIVITAI: dict[str, Any] = {
    "resource-stack": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "urn:x"}}, "extra": {"airs": ["urn:x"]},
    "extraMetadata": json.dumps({"prompt": "a cat", "negativePrompt": "dog", "steps": 25, "cfgScale": 4, "sampler": "DPM++ 2M Karras", "seed": 12, "clipSkip": 2, "resources": [{"modelVersionId": 1}]}),
}  # fmt: skip


def packet(data: dict[str, Any]) -> str:
    said = html.escape(json.dumps(data), quote=True)
    return f'<x:xmpmeta><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{said}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>'


def chunk(name: str, data: Any) -> dict[str, str]:
    return {name: data if isinstance(data, str) else json.dumps(data)}


def check(reading: Reading, source: str, expected: dict[str, Any], left: set[str]) -> None:
    assert reading.source == source
    assert {name: value_of(reading.request, named(GenerationRequest, name)) for name in expected} == expected
    assert left <= {row.key for row in reading.rows if row.state == "not restored"}
    assert all(row.note for row in reading.rows if row.state != "restored")


CASES: list[tuple[dict[str, str], str, dict[str, Any], set[str]]] = [
    (
        chunk("invokeai_metadata", INVOKE), "InvokeAI",
        {"prompt": "a (big cat:1.2)", "negative_prompt": "(blur:1.21)", "width": 640, "height": 448, "seed": 5, "cfg_scale": 6.5, "steps": 33, "sampler": "DPM++ 2M", "schedule": "Karras",
         "text.clip_skip": 2, "tiling": True, "noise_source": "CPU", "model": "Some Model", "model_hash": "", "text.emphasis": "compel"},
        {"loras", "strength", "hrf_enabled", "model hash"},
    ),
    (
        chunk("sd-metadata", INVOKE2), "InvokeAI",
        {"prompt": "a (cat:1.21)", "negative_prompt": "ugly, bad", "steps": 50, "cfg_scale": 7.5, "width": 768, "height": 512, "seed": 8, "sampler": "LMS", "model": "sd-1.5", "model_hash": "ab" * 32,
         "noise_source": "NV"},
        set(),
    ),
    (
        chunk("Dream", '"a cat, "quoted" [bad]" -s50 -S 1234 -W 640 -H 448 -C 7.5 -A k_euler_a -U 2 0.75 -I "x y.png" -f0.5 --seamless'), "InvokeAI",
        {"prompt": 'a cat, "quoted"', "negative_prompt": "bad", "steps": 50, "seed": 1234, "width": 640, "height": 448, "cfg_scale": 7.5, "sampler": "Euler a", "tiling": True, "noise_source": "NV"},
        {"-U", "-I", "-f"},
    ),
    (
        {"Software": "NovelAI", "Source": "Stable Diffusion XL 1", "Description": "other", **chunk("Comment", NOVEL)}, "NovelAI",
        {"prompt": r"(cat:1.05) \(animal\)", "negative_prompt": "(bad:0.9524)", "steps": 28, "seed": 6, "cfg_scale": 5.0, "width": 832, "height": 1216, "sampler": "DPM++ 2M", "schedule": "Karras",
         "text.clip_skip": 2, "solver.ensd": 31337, "noise_source": "NV", "model": ""},
        {"sm", "cfg_rescale", "Source", "strength"},
    ),
    (
        {"Software": "NovelAI", **chunk("Comment", NOVEL4)}, "NovelAI",
        {"prompt": "(two cats:1.2), red cat", "negative_prompt": "dog", "steps": 23, "sampler": "Euler a", "schedule": "Uniform"}, set(),
    ),
    (
        {"fooocus_scheme": "fooocus", **chunk("parameters", FOOOCUS)}, "Fooocus",
        {"prompt": "a cat, style", "negative_prompt": "bad", "steps": 30, "sampler": "DPM++ 2M SDE", "schedule": "Karras", "seed": 123, "cfg_scale": 4.0, "width": 896, "height": 1152,
         "model": "base_xl", "model_hash": "0123456789", "text.clip_skip": 2, "noise_source": "CPU"},
        {"sharpness", "loras", "styles"},
    ),
    (
        {"Software": "Fooocus v2.5.5", "MakerNote": "fooocus", **chunk("UserComment", FOOOCUS)}, "Fooocus", {"prompt": "a cat, style", "seed": 123}, set(),
    ),
    (
        chunk("Comment", FOOOCUS_OLD), "Fooocus", {"prompt": "cat", "negative_prompt": "dog", "steps": 60, "width": 1152, "height": 896, "cfg_scale": 7.0, "model": "m", "seed": 4}, {"sharpness"},
    ),
    (
        chunk("parameters", SWARM), "SwarmUI",
        {"prompt": "a (cat:1.2)", "negative_prompt": "dog", "model": "x", "model_hash": "", "seed": 9, "steps": 21, "cfg_scale": 7.5, "width": 768, "height": 640, "sampler": "Euler a",
         "schedule": "Karras", "text.clip_skip": 2, "text.emphasis": "compel", "noise_source": "CPU"},
        {"loras", "refinermethod", "hash"},
    ),
    (chunk("Model", SWARM), "SwarmUI", {"seed": 9}, set()),
    (
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in EASY.items()}, "Easy Diffusion",
        {"prompt": "a cat", "negative_prompt": "dog", "seed": 3, "model": "sd-v1-5", "sampler": "DPM++ 2M", "width": 512, "height": 768, "steps": 25, "cfg_scale": 7.5, "text.clip_skip": 2,
         "tiling": True, "noise_source": "NV"},
        {"use_vae_model"},
    ),
    (EASY_LABELS, "Easy Diffusion", {"prompt": "a cat", "negative_prompt": "dog", "seed": 3, "model": "sd-v1-5", "sampler": "Euler a", "steps": 25, "text.clip_skip": 2}, set()),
    (chunk("UserComment", EASY), "Easy Diffusion", {"prompt": "a cat", "seed": 3, "model": "sd-v1-5"}, set()),
    (
        {XMP: packet(DRAW)}, "Draw Things",
        {"prompt": "a (cat:1.2)", "negative_prompt": "dog", "model": "sd_v1.5_f16", "sampler": "DPM++ 2M", "schedule": "Karras", "seed": 11, "cfg_scale": 7.5, "steps": 24, "width": 512,
         "height": 768, "text.clip_skip": 2, "noise_source": "CPU"},
        set(),
    ),
    (
        chunk("UserComment", CIVITAI), "Civitai",
        {"prompt": "a cat", "negative_prompt": "dog", "steps": 25, "cfg_scale": 4.0, "sampler": "DPM++ 2M", "schedule": "Karras", "seed": 12, "text.clip_skip": 2, "noise_source": "CPU"},
        {"resources"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("chunks, source, expected, left", CASES)
def test_tools(chunks: dict[str, str], source: str, expected: dict[str, Any], left: set[str]) -> None:
    parameters = chunks.get("UserComment") or chunks.get("parameters", "")
    check(read(Found(parameters, None, chunks, (512, 512), "png")), source, expected, left)


@pytest.mark.parametrize(
    "data, source",
    [
        (INVOKE, "InvokeAI"),
        (INVOKE2, "InvokeAI"),
        (NOVEL, "NovelAI"),
        (FOOOCUS, "Fooocus"),
        (SWARM, "SwarmUI"),
        (EASY, "Easy Diffusion"),
        (DRAW, "Draw Things"),
        (CIVITAI, "Civitai"),
    ],
)
def test_pasted_json(data: dict[str, Any], source: str) -> None:
    assert read_text(json.dumps(data)).source == source


def test_the_text_file_beside_a_picture() -> None:
    check(read_text("\n".join(f"{key}: {value}" for key, value in EASY_LABELS.items())), "Easy Diffusion", {"prompt": "a cat", "steps": 25, "seed": 3}, set())


def test_sizes_from_the_picture_where_the_text_has_none() -> None:
    chunks = {"Software": "NovelAI", "Description": "cat", **chunk("Comment", {"steps": 28, "seed": 6, "uc": "x"})}
    assert (read(Found("", None, chunks, (640, 384), "png")).request.width, read(Found("", None, chunks, (640, 384), "png")).request.height) == (640, 384)
    assert read(Found("", None, chunks, (1, 1), "png")).request.width == 512


def test_a_resolution_is_never_run() -> None:
    assert fooocus.read(FOOOCUS | {"resolution": "__import__('os').abort()"}).request.width == 512


def test_xml_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><exif:UserComment><rdf:li>&b;</rdf:li></exif:UserComment>'
    assert drawthings.from_xmp(bomb) == {}


def test_pictures_that_say_nothing() -> None:
    for chunks in ({}, {"Software": "GIMP"}, {XMP: "<x/>"}, {"Comment": "hello"}, {"prompt": "not a graph"}):
        reading = read(Found("", None, chunks, (64, 64), "png"))
        assert (reading.source, reading.request, len(reading.rows)) == ("", GenerationRequest(), len(chunks))
        assert reading.notes


def test_comments_of_cameras_are_no_prompts() -> None:
    reading = read(Found("Screenshot", None, {"UserComment": "Screenshot", "Make": "Phone"}, (64, 64), "png"))
    assert (reading.source, reading.request) == ("", GenerationRequest())
    both = {"UserComment": "Screenshot", "parameters": "a cat\nSteps: 5, Sampler: Euler, Seed: 1"}
    assert read(Found("Screenshot", None, both, (64, 64), "png")).request.prompt == "a cat"
    assert read(Found("a cat", None, {"parameters": "a cat"}, (64, 64), "png")).request.prompt == "a cat"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
READERS: list[tuple[Callable[[Any], Reading], list[str]]] = [
    (invokeai.read_metadata, [*INVOKE, "name", "model_name", "hash"]),
    (invokeai.read_sd_metadata, [*INVOKE2, *INVOKE2["image"]]),
    (
        lambda value: novelai.read({"Comment": json.dumps(value), "Description": "x"}),
        [*NOVEL, *NOVEL4, "caption", "base_caption", "char_captions", "char_caption"],
    ),
    (fooocus.read, [*FOOOCUS, *FOOOCUS_OLD]),
    (swarmui.read, [*SWARM, *SWARM["sui_image_params"], "param", "hash"]),
    (lambda value: easydiffusion.read(value if isinstance(value, dict) else {}), [*EASY, *EASY_LABELS]),
    (drawthings.read, [*DRAW, "clipSkip", "seedMode", "guidanceScale"]),
    (civitai.read, ["extraMetadata", "prompt", "negativePrompt", "steps", "cfgScale", "sampler", "seed", "resources"]),
]


@pytest.mark.parametrize("number", range(len(READERS)))
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_json_is_read(number: int, draw: st.DataObject) -> None:
    reader, names = READERS[number]
    keys = st.sampled_from(names)
    value = draw.draw(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=8), max_leaves=12))
    assert isinstance(reader(value).request, GenerationRequest)


@given(st.text(max_size=100), st.text(alphabet='"- sSWHCA0123456789[]()', max_size=100))
def test_any_dream_is_read(one: str, two: str) -> None:
    for line in (one, two, f'"{one}" {two}'):
        assert isinstance(invokeai.read_dream(line).request, GenerationRequest)


@given(st.text(max_size=60))
def test_any_packet_is_searched(text: str) -> None:
    drawthings.from_xmp(f"exif:UserComment{text}<rdf:li>{text}</rdf:li>")
    drawthings.from_xmp(f'exif:UserComment="{text}')
