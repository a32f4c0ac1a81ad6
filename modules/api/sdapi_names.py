"""A1111's names of fields, and where each goes in our request: the table from which bodies, echo and translation are derived.

Defaults are A1111's own (parity rule 9), also where ours differ: 50 steps, CFG 7, masked content "fill". Knows neither HTTP nor the engine.
A name whose feature is not built says which values ask for nothing; any other value is refused, for a wrong picture is worse than an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, create_model

from modules.core.groups.editing import MaskArea, MaskedContent, ResizeMode
from modules.core.records.options import OPTIONS

Tab = Literal["txt2img", "img2img"]

SAME = ("Use same checkpoint", "Use same sampler", "Use same scheduler")
"""What A1111's menus of hires fix hold where nothing is chosen."""
NOTHING: tuple[Any, ...] = (None, False, 0, "", "None", "none", "Automatic", "automatic", *SAME, [], {})
"""Values that ask for nothing, whatever the name."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """One field of a body. kind: its JSON type. default: stands for an absent one, and is echoed; null counts as absent.
    field: dotted field of GenerationRequest that takes it. off: values that mean "off" there and become 0. choices: what A1111's index stands for.
    yields: a changed option wins over it, and where none does the infotext does not name it (parity rules 7.5, 26).
    refused: what cannot be done yet, in words."""

    name: str
    kind: Any
    default: Any = None
    field: str = ""
    off: tuple[Any, ...] = ()
    choices: tuple[str, ...] = ()
    yields: bool = False
    refused: str = ""


SHARED: tuple[Name, ...] = (
    Name(name="prompt", kind=str, default="", field="prompt"),
    Name(name="negative_prompt", kind=str, default="", field="negative_prompt"),
    Name(name="styles", kind=list[str], field="styles"),
    Name(name="seed", kind=int, default=-1, field="seed"),
    Name(name="subseed", kind=int, default=-1, field="variation.seed"),
    Name(name="subseed_strength", kind=float, default=0, field="variation.strength"),
    Name(name="seed_resize_from_h", kind=int, default=-1, field="variation.height", off=(-1,)),
    Name(name="seed_resize_from_w", kind=int, default=-1, field="variation.width", off=(-1,)),
    Name(name="sampler_name", kind=str, field="sampler"),
    Name(name="scheduler", kind=str, field="schedule"),
    Name(name="batch_size", kind=int, default=1, field="batch_size"),
    Name(name="n_iter", kind=int, default=1, field="count"),
    Name(name="steps", kind=int, default=50, field="steps"),
    Name(name="cfg_scale", kind=float, default=7.0, field="cfg_scale"),
    Name(name="width", kind=int, default=512, field="width"),
    Name(name="height", kind=int, default=512, field="height"),
    Name(name="restore_faces", kind=bool, field="faces.restore"),
    Name(name="tiling", kind=bool, field="tiling"),
    Name(name="do_not_save_samples", kind=bool, default=False),
    Name(name="do_not_save_grid", kind=bool, default=False),
    Name(name="eta", kind=float, field="solver.eta"),
    Name(name="s_min_uncond", kind=float, field="guidance.min_sigma"),
    Name(name="s_churn", kind=float, field="solver.churn", yields=True),
    Name(name="s_tmax", kind=float, field="solver.tmax", yields=True),
    Name(name="s_tmin", kind=float, field="solver.tmin", yields=True),
    Name(name="s_noise", kind=float, field="solver.noise", yields=True),
    Name(name="override_settings", kind=dict[str, Any], default={}),
    Name(name="override_settings_restore_afterwards", kind=bool, default=True),
    Name(name="refiner_checkpoint", kind=str, field="refiner.checkpoint"),
    Name(name="refiner_switch_at", kind=float, field="refiner.switch_at"),
    Name(name="disable_extra_networks", kind=bool, default=False),
    Name(name="firstpass_image", kind=str, refused="a given first pass"),
    Name(name="comments", kind=dict[str, Any]),
    Name(name="force_task_id", kind=str),
    Name(name="sampler_index", kind=str, default="Euler"),
    Name(name="script_name", kind=str),
    Name(name="script_args", kind=list[Any], default=[]),
    Name(name="send_images", kind=bool, default=True),
    Name(name="save_images", kind=bool, default=False),
    Name(name="alwayson_scripts", kind=dict[str, Any], default={}),
    Name(name="infotext", kind=str),
)

TXT2IMG: tuple[Name, ...] = (
    *SHARED,
    Name(name="denoising_strength", kind=float, field="hires.strength"),
    Name(name="enable_hr", kind=bool, default=False, field="hires.enabled"),
    Name(name="firstphase_width", kind=int, default=0),
    Name(name="firstphase_height", kind=int, default=0),
    Name(name="hr_scale", kind=float, default=2.0, field="hires.scale"),
    Name(name="hr_upscaler", kind=str, field="hires.upscaler"),
    Name(name="hr_second_pass_steps", kind=int, default=0, field="hires.steps"),
    Name(name="hr_resize_x", kind=int, default=0, field="hires.width"),
    Name(name="hr_resize_y", kind=int, default=0, field="hires.height"),
    Name(name="hr_checkpoint_name", kind=str, refused="another checkpoint for the second pass"),
    Name(name="hr_sampler_name", kind=str, field="hires.sampler"),
    Name(name="hr_scheduler", kind=str, field="hires.schedule"),
    Name(name="hr_prompt", kind=str, default="", field="hires.prompt"),
    Name(name="hr_negative_prompt", kind=str, default="", field="hires.negative_prompt"),
)

IMG2IMG: tuple[Name, ...] = (
    *SHARED,
    Name(name="denoising_strength", kind=float, default=0.75, field="init.strength"),
    Name(name="init_images", kind=list[str], field="init.image"),
    Name(name="resize_mode", kind=int | str, default=0, field="init.resize_mode", choices=get_args(ResizeMode)),
    Name(name="image_cfg_scale", kind=float, field="init.image_cfg"),
    Name(name="mask", kind=str, field="mask.image"),
    Name(name="mask_blur_x", kind=int, default=4, field="mask.blur_x"),
    Name(name="mask_blur_y", kind=int, default=4, field="mask.blur_y"),
    Name(name="mask_blur", kind=int),
    Name(name="mask_round", kind=bool, default=True, field="mask.round"),
    Name(name="inpainting_fill", kind=int | str, default=0, field="mask.content", choices=get_args(MaskedContent)),
    Name(name="inpaint_full_res", kind=bool, default=True, field="mask.area", choices=get_args(MaskArea)),
    Name(name="inpaint_full_res_padding", kind=int, default=0, field="mask.padding"),
    Name(name="inpainting_mask_invert", kind=int, default=0, field="mask.invert"),
    Name(name="initial_noise_multiplier", kind=float, field="init.noise_multiplier"),
    Name(name="latent_mask", kind=str, field="mask.latent"),
    Name(name="include_init_images", kind=bool, default=False),
)

NAMES: dict[Tab, tuple[Name, ...]] = {"txt2img": TXT2IMG, "img2img": IMG2IMG}
PICTURES = ("init_images", "mask", "latent_mask")
"""Fields that hold pictures; their own reader keeps them and gives references."""


def _body(title: str, names: tuple[Name, ...], doc: str) -> type[BaseModel]:
    fields: dict[str, Any] = {name.name: (name.kind | None, name.default) for name in names}
    return create_model(title, __config__=ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True), __doc__=doc, **fields)


Txt2Img = _body("Txt2Img", TXT2IMG, "A1111's txt2img body. Unknown fields are ignored, null means not given.")
Img2Img = _body("Img2Img", IMG2IMG, "A1111's img2img body. Unknown fields are ignored, null means not given; init_images is needed.")
BODIES: dict[Tab, type[BaseModel]] = {"txt2img": Txt2Img, "img2img": Img2Img}


def asks_nothing(value: Any, neutral: tuple[Any, ...] = ()) -> bool:
    """True when a value leaves a feature alone: one of `neutral`, or of the values that mean nothing anywhere."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in (neutral or NOTHING))


def foreign_name(field_name: str, tab: Tab = "txt2img") -> str:
    """A1111's name of one of our fields: of the body where it has one, else of the options; our own where it has none."""
    names = [(name.field, name.name) for name in NAMES[tab]] + [(option.field, option.name) for option in OPTIONS]
    return next((name for field, name in names if field == field_name), "alwayson_scripts" if field_name.split(".")[0] == "control" else field_name)
