"""Requests as A1111's text: the whole line for chosen ones, each key's own rule, and the way there and back for any."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings

from modules.core.groups.sampling import Guidance, Solver, Spacing, Text, Variation
from modules.core.params import to_dict, value_of, walk, with_values
from modules.core.records.samplers import SAMPLERS, resolved_schedule
from modules.core.request import GenerationRequest
from modules.infotext.read import read_text
from modules.infotext.runs import runs, second_pass
from modules.infotext.write import infotext
from tests.infotext.conftest import REFERENCE, requests

BASE = GenerationRequest(prompt="a cat", seed=7, steps=12, sampler="Euler", model="m", model_hash="0123456789abcdef", noise_source="GPU")


def line(**values: Any) -> str:
    request = with_values(BASE, {name.replace("__", "."): value for name, value in values.items()})
    return infotext(request, version="v", checkpoint="m").split("\n")[-1]


def test_plain() -> None:
    assert infotext(dataclasses.replace(BASE, negative_prompt="dog"), version="Easel 1", checkpoint="stem") == (
        "a cat\nNegative prompt: dog\n"
        "Steps: 12, Sampler: Euler, Schedule type: Automatic, CFG scale: 7.0, Seed: 7, Size: 512x512, Model hash: 0123456789, Model: stem, Version: Easel 1"
    )


def test_everything_in_order() -> None:
    request = GenerationRequest(
        prompt="(a) [b:c:3]", sampler="Euler a", schedule="Beta", steps=5, seed=1, width=64, height=72, cfg_scale=3.5, model="m", model_hash="ab" * 32, tiling=True,
        noise_source="NV", embeddings={"e": "cd" * 32}, variation=Variation(seed=2, strength=0.25, width=128, height=256),
        text=Text(emphasis="No norm", clip_skip=2, old_editing=True), solver=Solver(eta=0.5, churn=1, tmin=2, tmax=3, noise=1.5, ensd=31337),
        spacing=Spacing(sigma_min=0.1, sigma_max=9, rho=5, discard_penultimate=True, sgm_noise=True, noise_schedule="Zero Terminal SNR", downcast_alphas=True),
        guidance=Guidance(min_sigma=2, min_sigma_all=True, skip_early=0.25, pad_conds=True),
    )  # fmt: skip
    assert infotext(request, version="v1.10.1", extra={"User": "u", "Denoising strength": 0.5, "Gone": None}).split("\n")[1] == (
        "Steps: 5, Sampler: Euler a, Schedule type: Beta, CFG scale: 3.5, Seed: 1, Size: 64x72, Model hash: ababababab, Model: m, Variation seed: 2, "
        "Variation seed strength: 0.25, Seed resize from: 128x256, Denoising strength: 0.5, Clip skip: 2, ENSD: 31337, RNG: NV, Tiling: True, "
        'Old prompt editing timelines: True, TI hashes: "e: cdcdcdcdcdcd", Emphasis: No norm, Downcast alphas_cumprod: True, Noise Schedule: Zero Terminal SNR, '
        "Discard penultimate sigma: True, Schedule min sigma: 0.1, Schedule max sigma: 9.0, Schedule rho: 5.0, Beta schedule alpha: 0.6, Beta schedule beta: 0.6, "
        "SGM noise multiplier: True, Eta: 0.5, Sigma churn: 1.0, Sigma tmin: 2.0, Sigma tmax: 3.0, Sigma noise: 1.5, Skip Early CFG: 0.25, NGMS: 2.0, "
        "NGMS all steps: True, Pad conds: True, User: u, Version: v1.10.1"
    )


@pytest.mark.parametrize(
    "values, there, absent",
    [
        ({"sampler": "DPM++ 2M"}, "Schedule type: Karras", "Automatic"),
        ({"sampler": "DPM++ 2M SDE"}, "Schedule type: Exponential", "Automatic"),
        ({"sampler": "DPM++ 2M", "schedule": "Uniform"}, "Schedule type: Uniform", "Karras"),
        ({"noise_source": "CPU"}, "RNG: CPU", "?"),
        ({"noise_source": "GPU"}, "Steps", "RNG"),
        ({"text__clip_skip": 1}, "Steps", "Clip skip"),
        ({"text__emphasis": "Ignore"}, "Steps", "Emphasis"),
        ({"text__emphasis": "Ignore", "prompt": "(cat)"}, "Emphasis: Ignore", "?"),
        ({"text__emphasis": "Ignore", "negative_prompt": "[cat]"}, "Emphasis: Ignore", "?"),
        ({"text__emphasis": "Original", "prompt": "(cat)"}, "Steps", "Emphasis"),
        ({"text__emphasis": "compel"}, "Emphasis: compel", "?"),
        ({"solver__ensd": 31337}, "Steps", "ENSD"),
        ({"solver__ensd": 31337, "sampler": "Euler a"}, "ENSD: 31337", "?"),
        ({"solver__ensd": 31337, "sampler": "Euler a", "solver__eta": 0}, "Eta: 0.0", "ENSD"),
        ({"solver__eta": 1, "sampler": "Euler a"}, "Steps", "Eta"),
        ({"solver__eta": 0.5}, "Steps", "Eta"),
        ({"solver__eta": 1, "sampler": "DDIM"}, "Eta DDIM: 1.0", "?"),
        ({"solver__eta": 0, "sampler": "DDIM"}, "Steps", "Eta"),
        ({"spacing__discard_penultimate": True, "sampler": "DPM2"}, "Steps", "Discard"),
        ({"spacing__beta_alpha": 0.5}, "Steps", "Beta"),
        ({"variation__seed": 5}, "Steps", "Variation"),
        ({"variation__width": 128}, "Steps", "Seed resize"),
        ({"cfg_scale": 5}, "CFG scale: 5.0", "?"),
    ],
)
def test_rules(values: dict[str, Any], there: str, absent: str) -> None:
    text = line(**values)
    assert there in text
    assert absent not in text


HIRES = {"hires__enabled": True, "hires__scale": 1.5}
BEGUN = {"init__image": REFERENCE, "init__strength": 0.6}
PAINTED = BEGUN | {"mask__image": REFERENCE}
HEAD = "Steps: 12, Sampler: {}, CFG scale: 7.0, Seed: 7, Size: 512x512, Model hash: 0123456789, Model: m, "
PLAIN = HEAD.format("Euler, Schedule type: Automatic")
SOFT_LINE = (
    "Soft inpainting enabled: True, Soft inpainting schedule bias: 1, Soft inpainting preservation strength: 0.5, Soft inpainting transition contrast boost: 4, "
    "Soft inpainting mask influence: 0, Soft inpainting difference threshold: 0.5, Soft inpainting difference contrast: 2, "
)


@pytest.mark.parametrize(
    "values, expected",
    [
        (HIRES, PLAIN + "Denoising strength: 0.7, Hires upscale: 1.5, Hires upscaler: Latent, Version: v"),
        (HIRES | {"hires__scale": 2}, PLAIN + "Denoising strength: 0.7, Hires upscale: 2.0, Hires upscaler: Latent, Version: v"),
        (
            HIRES | {"hires__width": 384, "hires__height": 320, "hires__upscaler": "Latent (nearest-exact)"},
            PLAIN + "Denoising strength: 0.7, Hires resize: 384x320, Hires upscaler: Latent (nearest-exact), Version: v",
        ),
        (HIRES | {"hires__height": 640}, PLAIN + "Denoising strength: 0.7, Hires resize: 0x640, Hires upscaler: Latent, Version: v"),
        (
            HIRES
            | {
                "hires__sampler": "Euler a",
                "hires__schedule": "Karras",
                "hires__prompt": "blue, cat: new",
                "hires__negative_prompt": "ugly",
                "hires__steps": 6,
                "hires__strength": 0.5,
            },
            PLAIN
            + 'Denoising strength: 0.5, Hires sampler: Euler a, Hires prompt: "blue, cat: new", Hires negative prompt: ugly, Hires schedule type: Karras, '
            + "Hires upscale: 1.5, Hires steps: 6, Hires upscaler: Latent, Version: v",
        ),
        (  # what repeats the first pass
            HIRES | {"hires__sampler": "Euler", "hires__schedule": "Automatic", "hires__prompt": "a cat"},
            PLAIN + "Denoising strength: 0.7, Hires upscale: 1.5, Hires upscaler: Latent, Version: v",
        ),
        (  # the same schedule type means another one for another sampler
            HIRES | {"hires__sampler": "DPM++ 2M SDE"},
            PLAIN
            + "Denoising strength: 0.7, Hires sampler: DPM++ 2M SDE, Hires schedule type: Exponential, Hires upscale: 1.5, Hires upscaler: Latent, Version: v",
        ),
        (
            HIRES | {"sampler": "DPM++ 2M", "hires__sampler": "Euler"},
            HEAD.format("DPM++ 2M, Schedule type: Karras")
            + "Denoising strength: 0.7, Hires sampler: Euler, Hires schedule type: Automatic, Hires upscale: 1.5, Hires upscaler: Latent, Version: v",
        ),
        (
            HIRES | {"hires__sampler": "DPM++ 2M Karras"},
            PLAIN + "Denoising strength: 0.7, Hires sampler: DPM++ 2M, Hires schedule type: Karras, Hires upscale: 1.5, Hires upscaler: Latent, Version: v",
        ),
        (HIRES | {"hires__prompt": "12x34"}, PLAIN + "Denoising strength: 0.7, Hires prompt: 12x34, Hires upscale: 1.5, Hires upscaler: Latent, Version: v"),
        (  # what only the second pass uses; its noise comes last
            HIRES | {"hires__sampler": "Euler a", "solver__eta": 0.5, "solver__ensd": 9, "init__extra_noise": 0.1, "guidance__pad_conds": True},
            PLAIN
            + "Denoising strength: 0.7, ENSD: 9, Hires sampler: Euler a, Hires upscale: 1.5, Hires upscaler: Latent, Eta: 0.5, Pad conds: True, Extra noise: 0.1, Version: v",
        ),
        (
            HIRES | {"hires__schedule": "Beta", "text__emphasis": "Ignore", "hires__prompt": "(b)"},
            PLAIN
            + "Denoising strength: 0.7, Hires prompt: (b), Hires schedule type: Beta, Hires upscale: 1.5, Hires upscaler: Latent, Emphasis: Ignore, "
            + "Beta schedule alpha: 0.6, Beta schedule beta: 0.6, Version: v",
        ),
        (BEGUN, PLAIN + "Denoising strength: 0.6, Version: v"),
        (BEGUN | HIRES, PLAIN + "Denoising strength: 0.6, Version: v"),
        (BEGUN | {"init__strength": 0, "init__resize_mode": "Resize and fill", "init__fix_steps": True}, PLAIN + "Denoising strength: 0.0, Version: v"),
        (BEGUN | {"init__noise_multiplier": 0.8}, PLAIN + "Denoising strength: 0.6, Noise multiplier: 0.8, Version: v"),
        (BEGUN | {"init__extra_noise": 0.1, "solver__churn": 1}, PLAIN + "Denoising strength: 0.6, Extra noise: 0.1, Sigma churn: 1.0, Version: v"),
        ({"init__extra_noise": 0.1, "init__noise_multiplier": 0.8, "mask__image": REFERENCE}, PLAIN + "Version: v"),
        (BEGUN | {"mask__invert": True, "mask__content": "fill"}, PLAIN + "Denoising strength: 0.6, Version: v"),
        (PAINTED, PLAIN + "Denoising strength: 0.6, Mask blur: 4, Version: v"),
        (PAINTED | {"mask__blur_x": 0, "mask__blur_y": 0, "mask__round": False}, PLAIN + "Denoising strength: 0.6, Version: v"),
        (PAINTED | {"mask__blur_y": 9, "mask__content": "fill"}, PLAIN + "Denoising strength: 0.6, Masked content: fill, Version: v"),
        (
            PAINTED | {"mask__invert": True, "mask__area": "Only masked", "mask__padding": 0, "mask__content": "latent nothing", "text__clip_skip": 2},
            PLAIN
            + "Denoising strength: 0.6, Clip skip: 2, Mask mode: Inpaint not masked, Mask blur: 4, Inpaint area: Only masked, Masked area padding: 0, "
            + "Masked content: latent nothing, Version: v",
        ),
        (PAINTED | {"mask__soft__enabled": True}, PLAIN + "Denoising strength: 0.6, " + SOFT_LINE + "Mask blur: 4, Version: v"),
        (BEGUN | {"outpaint__fill": "latent noise", "outpaint__feather": 3}, PLAIN + "Denoising strength: 0.6, Version: v"),
        ({"outpaint__left": 64}, PLAIN + "Version: v"),
        (
            BEGUN | {"outpaint__left": 64, "outpaint__down": 8, "outpaint__feather": 0, "outpaint__strength": 0.9},
            PLAIN
            + "Denoising strength: 0.9, Outpaint left: 64, Outpaint down: 8, Outpaint fill: stretched edges, Outpaint continuity: 0.5, Outpaint feather: 0, Version: v",
        ),
        ({"script__name": "X/Y/Z plot", "script__args": {"x_type": "Steps"}, "styles": ("a",)}, PLAIN + "Version: v"),
    ],
)
def test_pictures_from_pictures_and_second_passes(values: dict[str, Any], expected: str) -> None:
    assert line(**values) == expected


@pytest.mark.parametrize(
    "values, extra, expected",
    [
        (
            BEGUN | {"text__clip_skip": 2, "init__noise_multiplier": 0.5},
            {"SD upscale overlap": 64, "SD upscale upscaler": "Lanczos"},
            "Denoising strength: 0.6, Clip skip: 2, SD upscale overlap: 64, SD upscale upscaler: Lanczos, Noise multiplier: 0.5, Version: v",
        ),
        (
            PAINTED | {"mask__soft__enabled": True},
            {"Denoising curve": "Linear", "Final denoising strength": 0.4},
            "Denoising strength: 0.6, Final denoising strength: 0.4, Denoising curve: Linear, " + SOFT_LINE + "Mask blur: 4, Version: v",
        ),
        (PAINTED, {"Mask blur": None, "Masked content": "fill"}, "Denoising strength: 0.6, Masked content: fill, Version: v"),
        (
            HIRES | {"solver__churn": 1},
            {"Script": "X/Y/Z plot", "X Type": "Steps", "X Values": "4,6", "Y Type": "Seed", "Y Values": "5", "Fixed Y Values": "5"},
            (
                'Denoising strength: 0.7, Hires upscale: 1.5, Hires upscaler: Latent, Sigma churn: 1.0, Script: X/Y/Z plot, X Type: Steps, X Values: "4,6", '
                "Y Type: Seed, Y Values: 5, Fixed Y Values: 5, Version: v"
            ),
        ),
    ],
)
def test_keys_of_scripts_stand_where_a1111_has_them(values: dict[str, Any], extra: dict[str, object], expected: str) -> None:
    request = with_values(BASE, {name.replace("__", "."): value for name, value in values.items()})
    assert infotext(request, version="v", extra=extra, checkpoint="m").split("\n")[-1] == PLAIN + expected


def test_a_key_of_the_extras_takes_its_place() -> None:
    text = infotext(BASE, version="v", extra={"Schedule type": "Karras", "Lora hashes": "a: 1, b: 2", "Bare": "Bare"}, checkpoint="m").split("\n")[-1]
    assert "Sampler: Euler, Schedule type: Karras, CFG scale" in text
    assert text.endswith('Lora hashes: "a: 1, b: 2", Bare, Version: v')


def test_levels_that_the_user_listed_stand_for_the_schedule_type() -> None:
    listed = with_values(BASE, {"spacing.sigmas": (14.6, 3.0, 0.1), "schedule": "Karras"})
    line = infotext(listed, version="v").split("\n")[-1]
    assert "Sampler: Euler, Schedule type: Custom, CFG scale" in line and 'Schedule sigmas: "14.6, 3, 0.1"' in line
    twice = infotext(with_values(listed, {"hires.enabled": True}), version="v")
    assert "Schedule type: Custom" in twice and "Hires schedule type: Karras" in twice


def test_prompts_that_the_form_cannot_hold_are_written_out() -> None:
    assert "Exact" not in infotext(BASE, version="v")
    text = infotext(dataclasses.replace(BASE, prompt="a\nNegative prompt: b "), version="v")
    assert 'Exact prompt: "a\\nNegative prompt: b ", Exact negative prompt: "", Version: v' in text


def test_templates_are_said_in_words_and_the_whole_record_as_json() -> None:
    record = {"wildcards": {"was": {"prompt": "__animal__, {red|blue}", "negative_prompt": "{x|y}"}, "picks": [["__animal__", "cat"]]}}
    assert line(extensions=record).endswith(
        'Template: "__animal__, {red|blue}", Negative Template: {x|y}, Extensions: "' + json.dumps(record).replace('"', '\\"') + '", Version: v'
    )


ACTING: dict[str, dict[str, Any]] = {
    "init.": {"init.image": REFERENCE},
    "mask.": {"init.image": REFERENCE, "mask.image": REFERENCE, "mask.area": "Only masked", "mask.soft.enabled": True},
    "outpaint.": {"init.image": REFERENCE, "outpaint.up": 8},
    "hires.": {"hires.enabled": True},
    "refiner.": {"refiner.checkpoint": "r", "hires.enabled": True},
    "shortcuts.merging_hires": {"hires.enabled": True},
    "faces.": {"faces.restore": True},
}
"""What must be set for the parameters of a group to act."""


@pytest.mark.parametrize("name", [field.name for field in walk(GenerationRequest) if field.param.text])
def test_every_declared_key_is_written(name: str) -> None:
    """A field that names a key of A1111's text reaches the text once it is not at its default, and acts."""
    other: dict[str, Any] = {
        "sampler": "Heun", "schedule": "Simple", "text.emphasis": "No norm", "noise_source": "NV", "spacing.noise_schedule": "Zero Terminal SNR",
        "embeddings": {"e": "ab" * 32}, "loras": {"l": "ab" * 32}, "model": "n", "model_hash": "cd" * 32, "vae": "v.pt", "vae_hash": "ef" * 32, "solver.ensd": 1, "variation.strength": 0.5, "variation.seed": 9, "width": 640,
        "outpaint.fill": "latent noise",
        "mask.content": "fill", "mask.area": "Only masked", "hires.upscaler": "Lanczos", "hires.sampler": "Heun", "hires.schedule": "Simple", "hires.prompt": "x",
        "spacing.sigmas": (3.0, 0.5), "hires.negative_prompt": "y", "hires.scale": 1.5, "mask.blur_x": 4, "mask.soft.contrast": 2.5, "refiner.checkpoint": "s", "refiner.passes": "both passes",
        "extensions": {"one": {"a": 1}}, "storage": "int8", "faces.restorer": "GFPGAN", "faces.weight": 0.25,
    }  # fmt: skip
    field = next(field for field in walk(GenerationRequest) if field.name == name)
    value = other.get(name, True if field.type is bool else int(field.param.minimum or 0) + 2 if field.type is int else 0.5)
    acting = next((values for start, values in ACTING.items() if name.startswith(start)), {})
    started = with_values(
        dataclasses.replace(BASE, prompt="(a) [b]", sampler="Euler a"),
        {"variation.strength": 0.25, "schedule": "Beta", "vae": "x.pt", "vae_hash": "ab" * 32} | acting,
    )
    written = f"{field.param.text}: "
    assert written in infotext(with_values(started, {name: value}), version="v")
    if acting:
        idle = with_values(started, {name: value} | {key: "" if key.endswith(("image", "checkpoint")) else False for key in acting if key != "mask.area"})
        assert written not in infotext(idle, version="v")


def traced(request: GenerationRequest) -> bool:
    """Whether the text of a picture drawn anew in part shows that it was one."""
    mask = request.mask
    return mask.invert or mask.content != "original" or mask.area != "Whole picture" or mask.soft.enabled or mask.blur_x == mask.blur_y != 0


def beyond(request: GenerationRequest) -> dict[str, Any]:
    """What the text carries of a start picture, a mask and a second pass; the pictures themselves are not in it."""
    kept: dict[str, Any] = {}
    init, mask, hires = request.init, request.mask, request.hires
    if request.outpaints:
        kept |= {field.name: value_of(request, field) for field in walk(GenerationRequest) if field.path[0] == "outpaint"}
    elif init.image:
        kept["init.strength"] = init.strength
    if init.image:
        kept |= {"init.noise_multiplier": init.noise_multiplier, "init.mask_weight": init.mask_weight, "init.image_cfg": init.image_cfg}
    if init.image or hires.enabled:
        kept["init.extra_noise"] = init.extra_noise
    if init.image and mask.image and traced(request):
        blur = mask.blur_x if mask.blur_x == mask.blur_y else 0
        kept |= {"mask.blur_x": blur, "mask.blur_y": blur, "mask.invert": mask.invert, "mask.content": mask.content, "mask.area": mask.area}
        kept |= {"mask.padding": mask.padding} if mask.area == "Only masked" else {}
        kept |= {field.name: value_of(request, field) for field in walk(GenerationRequest) if field.path[:2] == ("mask", "soft") and mask.soft.enabled}
    if second_pass(request):
        first, second = runs(request)
        kept |= {"hires.enabled": True, "hires.strength": hires.strength, "hires.steps": hires.steps, "hires.upscaler": hires.upscaler}
        kept |= {"hires.width": hires.width, "hires.height": hires.height} if hires.width or hires.height else {"hires.scale": hires.scale}
        kept |= {"hires.sampler": second.sampler} if second.sampler != first.sampler else {}
        kept |= {"hires.schedule": second.schedule} if second.schedule != first.schedule else {}
        kept |= {"hires.prompt": hires.prompt} if hires.prompt != request.prompt else {}
        kept |= {"hires.negative_prompt": hires.negative_prompt} if hires.negative_prompt != request.negative_prompt else {}
    return kept


def carried(request: GenerationRequest) -> GenerationRequest:
    """What of a request A1111's text can say: what has no effect or no key falls back to its default."""
    kept = {
        field.name: value_of(request, field)
        for field in walk(GenerationRequest)
        if (field.param.text or field.name in ("prompt", "negative_prompt", "height"))
        and field.path[0] not in ("init", "mask", "outpaint", "hires", "refiner", "faces")
    }
    kept |= beyond(request)
    kept["schedule"] = "Automatic" if request.spacing.sigmas else resolved_schedule(request.sampler, request.schedule)
    kept["model_hash"] = request.model_hash[:10]
    kept |= {"vae": request.vae if request.vae_hash else "None", "vae_hash": request.vae_hash[:10]}
    kept["embeddings"] = {name: sha256[:12] for name, sha256 in request.embeddings.items()}
    kept["loras"] = {name: digest[:12] for name, digest in request.loras.items()}
    kept["control"] = [
        {**to_dict(unit), "model_hash": unit.model_hash[:10]} | dict.fromkeys(("image", "mask", "encoder", "encoder_hash", "annotator", "annotator_hash"), "")
        for unit in request.control
    ]
    kept["companions"] = dict.fromkeys(request.companions, "")
    default = GenerationRequest()
    if refiner := request.refiner.checkpoint:
        kept |= {"refiner.checkpoint": refiner, "refiner.checkpoint_hash": request.refiner.checkpoint_hash[:10]}
        kept |= {"refiner.switch_at": request.refiner.switch_at, "refiner.by_steps": request.refiner.by_steps}
        kept |= {"refiner.passes": request.refiner.passes} if second_pass(request) else {}
    if request.faces.restore:
        kept |= {"faces.restore": True, "faces.restorer": request.faces.restorer}
        kept |= {"faces.weight": request.faces.weight} if request.faces.restorer != "GFPGAN" else {}
    if not second_pass(request):
        kept["shortcuts.merging_hires"] = default.shortcuts.merging_hires
    if not request.variation.strength:
        kept["variation.seed"] = default.variation.seed
    if min(request.variation.width, request.variation.height) > 0:
        kept |= {"variation.width": request.variation.width, "variation.height": request.variation.height}
    records = [SAMPLERS.get(run.sampler) for run in runs(request)]
    eta = request.solver.eta
    kept["solver.eta"] = eta if any(record.eta and eta != record.default_eta for record in records) else None
    if not any(record.uses_ensd and (record.default_eta if eta is None or not record.eta else eta) != 0 for record in records):
        kept["solver.ensd"] = 0
    if not request.solver.named:
        kept |= {f"solver.{name}": getattr(default.solver, name) for name in ("churn", "tmin", "tmax", "noise")}
    texts = [request.prompt, request.negative_prompt, *((request.hires.prompt, request.hires.negative_prompt) if second_pass(request) else ())]
    both = "".join(texts)
    if request.text.emphasis != "compel" and "(" not in both and "[" not in both:
        kept["text.emphasis"] = "Original"
    if "[" not in both:
        kept["text.old_editing"] = False
    if all(record.discard_penultimate for record in records):
        kept["spacing.discard_penultimate"] = False
    if all(run.schedule != "Beta" for run in runs(request)):
        kept |= {"spacing.beta_alpha": 0.6, "spacing.beta_beta": 0.6}
    if "#" in both:
        kept["text.comments"] = False
    return with_values(default, kept)


@settings(deadline=None)
@given(requests())
def test_there_and_back(request: GenerationRequest) -> None:
    reading = read_text(infotext(request, version="Easel 1"))
    assert reading.source == "Easel"
    assert reading.request == carried(request)


@settings(deadline=None)
@given(requests())
def test_written_again_it_is_the_same_text(request: GenerationRequest) -> None:
    """With the same start picture, mask and companions given again, which no text holds."""
    assume(not request.mask.image or traced(request))
    text = infotext(request, version="Easel 1")
    given = {"init.image": request.init.image, "mask.image": request.mask.image, "companions": request.companions}
    again = with_values(read_text(text).request, given)
    assert infotext(again, version="Easel 1") == text
