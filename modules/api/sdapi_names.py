"""A1111's names, and where each goes in our request: the one table from which body, echo, options and translation are derived.

Defaults are A1111's own (parity rule 9), also where ours differ: 50 steps, CFG 7, noise from the device. Knows neither HTTP nor the engine.
A name whose feature is not built says which values ask for nothing; any other value is refused, for a wrong picture is worse than an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

NOTHING: tuple[Any, ...] = (None, False, 0, "", "None", "none", "Automatic", [], {})
"""Values that ask for nothing, whatever the name."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """One field of the txt2img body. kind: its JSON type. default: stands for an absent one, and is echoed; null counts as absent.
    field: dotted field of GenerationRequest that takes it. off: values that mean "off" there and become 0.
    yields: a changed option wins over it (parity rule 7.5). refused: what cannot be done yet, in words; "" when nothing is."""

    name: str
    kind: Any
    default: Any = None
    field: str = ""
    off: tuple[Any, ...] = ()
    yields: bool = False
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One key of /options and `override_settings`. field: as in Name; without one the key has no bearing on txt2img and is only kept.
    eta: acts on samplers that write this infotext key alone. neutral, refused: only these values can be had, and what the others would ask for."""

    name: str
    default: Any
    field: str = ""
    eta: str = ""
    neutral: tuple[Any, ...] = ()
    refused: str = ""


TXT2IMG: tuple[Name, ...] = (
    Name(name="prompt", kind=str, default="", field="prompt"),
    Name(name="negative_prompt", kind=str, default="", field="negative_prompt"),
    Name(name="styles", kind=list[str], refused="styles"),
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
    Name(name="restore_faces", kind=bool, refused="face restoration"),
    Name(name="tiling", kind=bool, field="tiling"),
    Name(name="do_not_save_samples", kind=bool, default=False),
    Name(name="do_not_save_grid", kind=bool, default=False),
    Name(name="eta", kind=float, field="solver.eta"),
    Name(name="denoising_strength", kind=float),
    Name(name="s_min_uncond", kind=float, field="guidance.min_sigma"),
    Name(name="s_churn", kind=float, field="solver.churn", yields=True),
    Name(name="s_tmax", kind=float, field="solver.tmax", yields=True),
    Name(name="s_tmin", kind=float, field="solver.tmin", yields=True),
    Name(name="s_noise", kind=float, field="solver.noise", yields=True),
    Name(name="override_settings", kind=dict[str, Any], default={}),
    Name(name="override_settings_restore_afterwards", kind=bool, default=True),
    Name(name="refiner_checkpoint", kind=str, refused="the refiner"),
    Name(name="refiner_switch_at", kind=float),
    Name(name="disable_extra_networks", kind=bool, default=False),
    Name(name="firstpass_image", kind=str, refused="a given first pass"),
    Name(name="comments", kind=dict[str, Any]),
    Name(name="enable_hr", kind=bool, default=False, refused="hires fix"),
    Name(name="firstphase_width", kind=int, default=0),
    Name(name="firstphase_height", kind=int, default=0),
    Name(name="hr_scale", kind=float, default=2.0),
    Name(name="hr_upscaler", kind=str),
    Name(name="hr_second_pass_steps", kind=int, default=0),
    Name(name="hr_resize_x", kind=int, default=0),
    Name(name="hr_resize_y", kind=int, default=0),
    Name(name="hr_checkpoint_name", kind=str),
    Name(name="hr_sampler_name", kind=str),
    Name(name="hr_scheduler", kind=str),
    Name(name="hr_prompt", kind=str, default=""),
    Name(name="hr_negative_prompt", kind=str, default=""),
    Name(name="force_task_id", kind=str),
    Name(name="sampler_index", kind=str, default="Euler"),
    Name(name="script_name", kind=str),
    Name(name="script_args", kind=list[Any], default=[]),
    Name(name="send_images", kind=bool, default=True),
    Name(name="save_images", kind=bool, default=False),
    Name(name="alwayson_scripts", kind=dict[str, Any], default={}),
    Name(name="infotext", kind=str),
)

MODEL = "sd_model_checkpoint"

OPTIONS: tuple[Option, ...] = (
    Option(name=MODEL, default=None, field="model"),
    Option(name="CLIP_stop_at_last_layers", default=1, field="text.clip_skip"),
    Option(name="emphasis", default="Original", field="text.emphasis"),
    Option(name="comma_padding_backtrack", default=20, field="text.comma_backtrack"),
    Option(name="enable_prompt_comments", default=True, field="text.comments"),
    Option(name="use_old_scheduling", default=False, field="text.old_editing"),
    Option(name="randn_source", default="GPU", field="noise_source"),
    Option(name="tiling", default=False, field="tiling"),
    Option(name="eta_noise_seed_delta", default=0, field="solver.ensd"),
    Option(name="eta_ancestral", default=1.0, field="solver.eta", eta="Eta"),
    Option(name="eta_ddim", default=0.0, field="solver.eta", eta="Eta DDIM"),
    Option(name="s_churn", default=0.0, field="solver.churn"),
    Option(name="s_tmin", default=0.0, field="solver.tmin"),
    Option(name="s_tmax", default=0.0, field="solver.tmax"),
    Option(name="s_noise", default=1.0, field="solver.noise"),
    Option(name="sigma_min", default=0.0, field="spacing.sigma_min"),
    Option(name="sigma_max", default=0.0, field="spacing.sigma_max"),
    Option(name="rho", default=0.0, field="spacing.rho"),
    Option(name="beta_dist_alpha", default=0.6, field="spacing.beta_alpha"),
    Option(name="beta_dist_beta", default=0.6, field="spacing.beta_beta"),
    Option(name="always_discard_next_to_last_sigma", default=False, field="spacing.discard_penultimate"),
    Option(name="sgm_noise_multiplier", default=False, field="spacing.sgm_noise"),
    Option(name="enable_quantization", default=False, field="spacing.quantize"),
    Option(name="sd_noise_schedule", default="Default", field="spacing.noise_schedule"),
    Option(name="use_downcasted_alpha_bar", default=False, field="spacing.downcast_alphas"),
    Option(name="s_min_uncond", default=0.0, field="guidance.min_sigma"),
    Option(name="s_min_uncond_all", default=False, field="guidance.min_sigma_all"),
    Option(name="skip_early_cond", default=0.0, field="guidance.skip_early"),
    Option(name="pad_cond_uncond", default=False, field="guidance.pad_conds"),
    Option(name="sd_vae", default="Automatic", refused="a VAE beside the checkpoint's own"),
    Option(name="sd_vae_encode_method", default="Full", neutral=("Full",), refused="an approximate VAE"),
    Option(name="sd_vae_decode_method", default="Full", neutral=("Full",), refused="an approximate VAE"),
    Option(name="sd_unet", default="Automatic", refused="another UNet"),
    Option(name="sd_hypernetwork", default="None", refused="hypernetworks"),
    Option(name="sd_lora", default="None", refused="LoRA"),
    Option(name="face_restoration", default=False, refused="face restoration"),
    Option(name="token_merging_ratio", default=0.0, refused="token merging"),
    Option(name="fp8_storage", default="Disable", neutral=("Disable",), refused="FP8 weights"),
    Option(name="upcast_attn", default=False, refused="upcast attention"),
    Option(name="pad_cond_uncond_v0", default=False, refused="the old padding of conditionings"),
    Option(name="use_old_emphasis_implementation", default=False, refused="the old emphasis"),
    Option(name="use_old_karras_scheduler_sigmas", default=False, refused="the old Karras range"),
    Option(name="no_dpmpp_sde_batch_determinism", default=False, refused="batch-dependent noise"),
    Option(name="ddim_discretize", default="uniform", neutral=("uniform",), refused="another spacing of DDIM"),
    Option(name="uni_pc_variant", default="bh1", neutral=("bh1",), refused="another UniPC variant"),
    Option(name="uni_pc_skip_type", default="time_uniform", neutral=("time_uniform",), refused="another UniPC spacing"),
    Option(name="uni_pc_order", default=3, neutral=(3,), refused="another UniPC order"),
    Option(name="uni_pc_lower_order_final", default=True, neutral=(True,), refused="UniPC without a lower final order"),
    Option(name="samples_format", default="png", neutral=("png",), refused="another file format"),
    Option(name="inpainting_mask_weight", default=1.0),
    Option(name="initial_noise_multiplier", default=1.0),
    Option(name="img2img_extra_noise", default=0.0),
    Option(name="img2img_color_correction", default=False),
    Option(name="img2img_fix_steps", default=False),
    Option(name="img2img_background_color", default="#ffffff"),
    Option(name="send_seed", default=True),
    Option(name="send_size", default=True),
)

BY_OPTION = {option.name: option for option in OPTIONS}

_FIELDS: dict[str, Any] = {name.name: (name.kind | None, name.default) for name in TXT2IMG}

Txt2Img: type[BaseModel] = create_model(
    "Txt2Img",
    __config__=ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True),
    __doc__="A1111's txt2img body. Unknown fields are ignored, null means not given.",
    **_FIELDS,
)


def asks_nothing(value: Any, neutral: tuple[Any, ...] = ()) -> bool:
    """True when a value leaves a feature alone: one of `neutral`, or of the values that mean nothing anywhere."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in (neutral or NOTHING))


def foreign_name(field_name: str) -> str:
    """A1111's name of one of our fields: of the body where it has one, else of the options; our own where it has none."""
    names = [(name.field, name.name) for name in TXT2IMG] + [(option.field, option.name) for option in OPTIONS]
    return next((name for field, name in names if field == field_name), field_name)
