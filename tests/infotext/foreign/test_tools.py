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
from modules.infotext import keys
from modules.infotext.files import XMP, Found
from modules.infotext.foreign import civitai, drawthings, easydiffusion, fooocus, invokeai, invokepass, novelai, swarmui
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


def swarm(**changes: Any) -> dict[str, Any]:
    return SWARM | {"sui_image_params": SWARM["sui_image_params"] | changes}


def civit(**changes: Any) -> dict[str, Any]:
    return CIVITAI | {"extraMetadata": json.dumps(json.loads(CIVITAI["extraMetadata"]) | changes)}


def check(reading: Reading, source: str, expected: dict[str, Any], left: set[str]) -> None:
    assert reading.source == source
    assert {name: value_of(reading.request, named(GenerationRequest, name)) for name in expected} == expected
    assert left <= {row.key for row in reading.rows if row.state == "not restored"}
    assert all(row.note for row in reading.rows if row.state != "restored")


CASES: list[tuple[dict[str, str], str, dict[str, Any], set[str]]] = [
    (
        chunk("invokeai_metadata", INVOKE), "InvokeAI",
        {"prompt": "a (big cat:1.2) <lora:l:0.5>", "negative_prompt": "(blur:1.21)", "width": 640, "height": 448, "seed": 5, "cfg_scale": 6.5, "steps": 33, "sampler": "DPM++ 2M", "schedule": "Karras",
         "text.clip_skip": 2, "tiling": True, "noise_source": "CPU", "model": "Some Model", "model_hash": "", "text.emphasis": "compel"},
        {"strength", "hrf_enabled", "model hash"},
    ),
    (
        chunk("invokeai_metadata", INVOKE | {"width": 1024, "height": 768, "hrf_strength": 0.45, "hrf_method": "ESRGAN"}), "InvokeAI",
        {"width": 592, "height": 440, "hires.enabled": True, "hires.width": 1024, "hires.height": 768, "hires.strength": 0.45, "hires.steps": 15, "hires.upscaler": "Lanczos"},
        {"strength"},
    ),
    (
        chunk("invokeai_metadata", INVOKE | {"hrf_strength": 0.5, "hrf_method": "latent", "hrf_scale": 1.5, "hrf_latent_interpolation_mode": "bicubic", "hrf_steps": 10}), "InvokeAI",
        {"width": 640, "height": 448, "hires.enabled": True, "hires.scale": 1.5, "hires.width": 0, "hires.steps": 5, "hires.upscaler": "Latent (bicubic)"},
        {"strength"},
    ),
    (
        chunk("invokeai_metadata", INVOKE | {"generation_mode": "inpaint", "init_image": "x.png", "hrf_strength": 0.5}), "InvokeAI",
        {"width": 640, "height": 448, "init.strength": 0.7, "hires.enabled": False}, {"init_image", "hrf_enabled"},
    ),
    (
        chunk("sd-metadata", INVOKE2 | {"image": INVOKE2["image"] | {"type": "img2img", "strength": 0.6, "init_image_path": "/x/y.png", "hires_fix": True}}), "InvokeAI",
        {"init.strength": 0.6, "init.image": "", "hires.enabled": False}, {"init_image_path", "hires_fix"},
    ),
    (
        chunk("sd-metadata", INVOKE2), "InvokeAI",
        {"prompt": "a (cat:1.21)", "negative_prompt": "ugly, bad", "steps": 50, "cfg_scale": 7.5, "width": 768, "height": 512, "seed": 8, "sampler": "LMS", "model": "sd-1.5", "model_hash": "ab" * 32,
         "noise_source": "NV"},
        set(),
    ),
    (
        chunk("Dream", '"a cat, "quoted" [bad]" -s50 -S 1234 -W 640 -H 448 -C 7.5 -A k_euler_a -U 2 0.75 -I "x y.png" -f0.5 --seamless'), "InvokeAI",
        {"prompt": 'a cat, "quoted"', "negative_prompt": "bad", "steps": 50, "seed": 1234, "width": 640, "height": 448, "cfg_scale": 7.5, "sampler": "Euler a", "tiling": True, "noise_source": "NV",
         "init.strength": 0.5},
        {"-U", "-I"},
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
        {"prompt": "a cat, style <lora:l:0.5>", "negative_prompt": "bad", "steps": 30, "sampler": "DPM++ 2M SDE", "schedule": "Karras", "seed": 123, "cfg_scale": 4.0, "width": 896, "height": 1152,
         "model": "base_xl", "model_hash": "0123456789", "text.clip_skip": 2, "noise_source": "CPU"},
        {"sharpness", "styles"},
    ),
    (
        {"Software": "Fooocus v2.5.5", "MakerNote": "fooocus", **chunk("UserComment", FOOOCUS)}, "Fooocus", {"prompt": "a cat, style <lora:l:0.5>", "seed": 123}, set(),
    ),
    (
        chunk("Comment", FOOOCUS_OLD), "Fooocus", {"prompt": "cat", "negative_prompt": "dog", "steps": 60, "width": 1152, "height": 896, "cfg_scale": 7.0, "model": "m", "seed": 4}, {"sharpness"},
    ),
    (
        {"Software": "NovelAI", **chunk("Comment", NOVEL | {"request_type": "Img2ImgRequest", "noise": 0.1})}, "NovelAI",
        {"init.strength": 0.5, "init.extra_noise": 0.1}, {"sm"},
    ),
    (
        {"Software": "NovelAI", **chunk("Comment", NOVEL | {"request_type": "NativeInfillingRequest", "inpaintImg2ImgStrength": 0.8})}, "NovelAI",
        {"init.strength": 0.8, "init.extra_noise": 0.0}, {"sm"},
    ),
    (
        chunk("parameters", swarm(refinercontrolpercentage=0.2, refinersteps=40, refinerupscale=2.0, refinerupscalemethod="pixel-lanczos", refinersampler="euler", refinercfgscale=3)), "SwarmUI",
        {"hires.enabled": True, "hires.strength": 0.2, "hires.steps": 8, "hires.scale": 2.0, "hires.upscaler": "Lanczos", "hires.sampler": "Euler", "hires.schedule": ""}, {"refinercfgscale"},
    ),
    (
        chunk("parameters", swarm(refinercontrolpercentage=0.4, refinerupscalemethod="model-4x.pth", refinermodel="(Use Base)")), "SwarmUI",
        {"hires.enabled": True, "hires.strength": 0.4, "hires.steps": 8, "hires.scale": 1.0, "hires.upscaler": "Lanczos"}, set(),
    ),
    (
        chunk("parameters", swarm(refinercontrolpercentage=0, refinerupscale=2.0)), "SwarmUI", {"hires.enabled": False}, {"refinerupscale", "refinermethod"},
    ),
    (
        chunk("parameters", swarm(refinercontrolpercentage=0.2, refinermodel="other")), "SwarmUI", {"hires.enabled": False}, {"refinermodel", "refinercontrolpercentage"},
    ),
    (
        chunk("parameters", swarm(refinercontrolpercentage=0.2, initimagecreativity=0.6, maskblur=4)), "SwarmUI",
        {"hires.enabled": False, "init.strength": 0.6, "mask.blur_x": 4}, {"refinercontrolpercentage", "maskblur"},
    ),
    (
        chunk("parameters", SWARM), "SwarmUI",
        {"prompt": "a (cat:1.2) <lora:a:0.5>", "negative_prompt": "dog", "model": "x", "model_hash": "", "seed": 9, "steps": 21, "cfg_scale": 7.5, "width": 768, "height": 640, "sampler": "Euler a",
         "schedule": "Karras", "text.clip_skip": 2, "text.emphasis": "compel", "noise_source": "CPU"},
        {"refinermethod", "hash"},
    ),
    (chunk("Model", SWARM), "SwarmUI", {"seed": 9}, set()),
    (chunk("parameters", swarm(fluxguidancescale=2.5)), "SwarmUI", {"guidance.distilled": 2.5}, {"refinermethod", "hash"}),
    ({XMP: packet(DRAW | {"v2": {"guidanceEmbed": 4.5}})}, "Draw Things", {"guidance.distilled": 4.5}, set()),
    (
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in EASY.items()}, "Easy Diffusion",
        {"prompt": "a cat", "negative_prompt": "dog", "seed": 3, "model": "sd-v1-5", "sampler": "DPM++ 2M", "width": 512, "height": 768, "steps": 25, "cfg_scale": 7.5, "text.clip_skip": 2,
         "tiling": True, "noise_source": "NV"},
        {"use_vae_model"},
    ),
    (EASY_LABELS, "Easy Diffusion", {"prompt": "a cat", "negative_prompt": "dog", "seed": 3, "model": "sd-v1-5", "sampler": "Euler a", "steps": 25, "text.clip_skip": 2}, set()),
    (chunk("UserComment", EASY), "Easy Diffusion", {"prompt": "a cat", "seed": 3, "model": "sd-v1-5"}, set()),
    (chunk("UserComment", EASY | {"prompt_strength": 0.8}), "Easy Diffusion", {"init.strength": 0.8, "init.image": ""}, set()),
    (
        {XMP: packet(DRAW | {"size": "1024x1536", "v2": {"hiresFix": True, "hiresFixWidth": 512, "hiresFixHeight": 768, "hiresFixStrength": 0.5}})}, "Draw Things",
        {"width": 512, "height": 768, "hires.enabled": True, "hires.width": 1024, "hires.height": 1536, "hires.strength": 0.5, "hires.steps": 12, "hires.upscaler": "Lanczos"}, set(),
    ),
    ({XMP: packet(DRAW | {"v2": {"hiresFix": True}})}, "Draw Things", {"width": 512, "height": 768, "hires.enabled": False}, {"hiresFix"}),
    (
        {XMP: packet(DRAW | {"strength": 0.6, "mask_blur": 1.5, "v2": {"hiresFix": True}})}, "Draw Things",
        {"width": 512, "init.strength": 0.6, "hires.enabled": False, "mask.blur_x": 4}, {"hiresFix", "mask_blur"},
    ),
    (
        chunk("UserComment", civit(workflowId="img2img", denoise=0.4)), "Civitai", {"init.strength": 0.4, "hires.enabled": False}, set(),
    ),
    (
        chunk("UserComment", civit(workflowId="txt2img-hires", denoise=0.4, width=320, height=320)), "Civitai",
        {"width": 320, "hires.enabled": True, "hires.strength": 0.4, "hires.width": 512, "hires.height": 512}, set(),
    ),
    (
        chunk("UserComment", civit(workflowId="txt2img-hires", denoise=0.4, transformations=[{"type": "upscale", "upscaleWidth": 640, "upscaleHeight": 960}])), "Civitai",
        {"hires.width": 640, "hires.height": 960}, set(),
    ),
    (
        chunk("UserComment", civit(workflowId="txt2img", denoise=0.4)), "Civitai", {"init.strength": 0.75, "hires.enabled": False}, {"denoise"},
    ),
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


@pytest.mark.parametrize(
    "chunks, notes",
    [
        (chunk("invokeai_metadata", INVOKE), []),
        (chunk("invokeai_metadata", INVOKE | {"generation_mode": "img2img"}), [keys.BEGUN]),
        (chunk("invokeai_metadata", INVOKE | {"generation_mode": "sdxl_outpaint"}), [keys.PAINTED]),
        ({"Software": "NovelAI", **chunk("Comment", NOVEL)}, []),
        ({"Software": "NovelAI", **chunk("Comment", NOVEL | {"request_type": "VibeTransfer+Img2ImgRequest"})}, [keys.BEGUN]),
        ({XMP: packet(DRAW | {"strength": 0.3})}, [keys.BEGUN]),
        (chunk("parameters", swarm(initimagecreativity=0.3)), [keys.BEGUN]),
    ],
)
def test_a_missing_start_picture_is_said(chunks: dict[str, str], notes: list[str]) -> None:
    reading = read(Found(chunks.get("parameters", ""), None, chunks, (512, 512), "png"))
    assert [note for note in reading.notes if note in (keys.BEGUN, keys.PAINTED)] == notes
    assert reading.request.init.image == ""


@pytest.mark.parametrize(
    "size, trained, expected",
    [((1024, 1024), 512, (512, 512)), ((1024, 768), 512, (592, 440)), ((768, 1024), 512, (440, 592)), ((512, 384), 512, (512, 384)), ((4096, 512), 512, (2048, 256))],
)  # fmt: skip
def test_invokes_first_size(size: tuple[int, int], trained: int, expected: tuple[int, int]) -> None:
    assert invokepass.first_size(*size, trained) == expected


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


SWARM_PASSES = (
    "refinercontrolpercentage",
    "refinerupscale",
    "refinersteps",
    "refinerupscalemethod",
    "refinersampler",
    "refinercfgscale",
    "initimagecreativity",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
READERS: list[tuple[Callable[[Any], Reading], list[str]]] = [
    (invokeai.read_metadata, [*INVOKE, *invokepass.SECOND, "name", "model_name", "hash", "init_image"]),
    (invokeai.read_sd_metadata, [*INVOKE2, *INVOKE2["image"]]),
    (
        lambda value: novelai.read({"Comment": json.dumps(value), "Description": "x"}),
        [*NOVEL, *NOVEL4, "caption", "base_caption", "char_captions", "char_caption"],
    ),
    (fooocus.read, [*FOOOCUS, *FOOOCUS_OLD]),
    (swarmui.read, [*SWARM, *SWARM["sui_image_params"], *SWARM_PASSES, "param", "hash"]),
    (lambda value: easydiffusion.read(value if isinstance(value, dict) else {}), [*EASY, *EASY_LABELS]),
    (drawthings.read, [*DRAW, "clipSkip", "seedMode", "guidanceScale", "hiresFix", "hiresFixWidth", "hiresFixHeight", "hiresFixStrength"]),
    (
        civitai.read,
        [
            "extraMetadata",
            "prompt",
            "negativePrompt",
            "steps",
            "cfgScale",
            "sampler",
            "seed",
            "resources",
            "denoise",
            "workflowId",
            "transformations",
            "upscaleWidth",
            "upscaleHeight",
        ],
    ),
]


@pytest.mark.parametrize("number", range(len(READERS)))
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_json_is_read(number: int, draw: st.DataObject) -> None:
    reader, names = READERS[number]
    named_so = st.sampled_from(names)
    value = draw.draw(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(named_so, inner, max_size=8), max_leaves=12))
    assert isinstance(reader(value).request, GenerationRequest)


SECOND = {"hiresFix": True, "hiresFixWidth": 512, "hiresFixHeight": 768, "hiresFixStrength": 0.5}
WHOLE: list[tuple[Callable[[dict[str, Any]], Reading], dict[str, Any]]] = [
    (invokeai.read_metadata, INVOKE | {"hrf_strength": 0.45, "hrf_method": "latent", "hrf_scale": 1.5, "hrf_steps": 9}),
    (invokeai.read_metadata, INVOKE | {"hrf_strength": 0.45}),
    (lambda data: swarmui.read(swarm(**data)), {name: 0.5 for name in SWARM_PASSES if name.startswith("refiner")}),
    (lambda data: drawthings.read(DRAW | {"v2": data}), SECOND),
    (lambda data: civitai.read(civit(**data)), {"workflowId": "txt2img-hires", "denoise": 0.4, "upscaleWidth": 640, "upscaleHeight": 960}),
    (lambda data: novelai.read({"Comment": json.dumps(data)}), NOVEL | {"request_type": "Img2ImgRequest"}),
]


@pytest.mark.parametrize("number", range(len(WHOLE)))
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_value_in_a_whole_file_is_read(number: int, draw: st.DataObject) -> None:
    """A second pass is only reached where the rest of the file is in order."""
    reader, whole = WHOLE[number]
    leaves = LEAVES | st.sampled_from(["0", "1e400", "512", "nan"]) | st.lists(LEAVES, max_size=2)
    changed = draw.draw(st.dictionaries(st.sampled_from(sorted(whole)), leaves, max_size=3))
    assert isinstance(reader(whole | changed).request, GenerationRequest)


@given(st.text(max_size=100), st.text(alphabet='"- sSWHCA0123456789[]()', max_size=100))
def test_any_dream_is_read(one: str, two: str) -> None:
    for line in (one, two, f'"{one}" {two}'):
        assert isinstance(invokeai.read_dream(line).request, GenerationRequest)


@given(st.text(max_size=60))
def test_any_packet_is_searched(text: str) -> None:
    drawthings.from_xmp(f"exif:UserComment{text}<rdf:li>{text}</rdf:li>")
    drawthings.from_xmp(f'exif:UserComment="{text}')
