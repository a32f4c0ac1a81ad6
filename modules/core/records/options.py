"""A1111's names of settings, as its /options, its `override_settings` and its config.json know them, and which field of a request each one is the default of.

Each belongs to a login and to its requests; none of them changes this server. What only tells how the server is set up stands in `sdapi.facts`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modules.core.params import walk
from modules.core.saving import Saving

Tab = Literal["txt2img", "img2img"]

FORMATTED = ("samples_format", "grid_format")
FORMATS = ("png", "jpg", "jpeg", "webp", "avif")
"""File formats as A1111's clients spell them."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """field: dotted field of GenerationRequest that takes it; without one the key acts elsewhere, or is only kept. tab: acts on that body alone.
    eta: acts on samplers that write this infotext key alone. overridable: whether `override_settings` reach it; A1111 reads one key too early for that.
    saving: it is a setting of `core.saving`: this server's value is its default, and a login's own acts on that login's jobs.
    neutral, refused: only these values can be had, and what the others would ask for. choices: the only values.
    yields: at 0 it leaves what an option before it says. words: A1111's values, all that there are, and what the field calls them."""

    name: str
    default: Any
    field: str = ""
    tab: Tab | None = None
    eta: str = ""
    overridable: bool = True
    neutral: tuple[Any, ...] = ()
    refused: str = ""
    choices: tuple[Any, ...] = ()
    saving: bool = False
    yields: bool = False
    words: Mapping[Any, Any] = dataclasses.field(default_factory=dict, hash=False)

    def meant(self, value: Any) -> Any:
        """A value of A1111's as the field has it; one that it has no word for stays as it is."""
        return self.words.get(value, value) if isinstance(value, str | bool) else value


MODEL = "sd_model_checkpoint"
FP8: Mapping[str, str] = {"Disable": "full", "Enable for SDXL": "fp8 for SDXL", "Enable": "fp8"}
"""A1111's words for weights in 8 bits -> values of `storage`."""

OPTIONS: tuple[Option, ...] = (
    Option(name=MODEL, default=None, field="model"),
    Option(name="CLIP_stop_at_last_layers", default=1, field="text.clip_skip"),
    Option(name="sdxl_crop_top", default=0, field="framing.top"),
    Option(name="sdxl_crop_left", default=0, field="framing.left"),
    Option(name="sdxl_refiner_low_aesthetic_score", default=2.5, field="framing.low"),
    Option(name="sdxl_refiner_high_aesthetic_score", default=6.0, field="framing.high"),
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
    Option(name="refiner_switch_by_sample_steps", default=False, field="refiner.by_steps"),
    Option(name="hires_fix_refiner_pass", default="second pass", field="refiner.passes"),
    Option(name="img2img_extra_noise", default=0.0, field="init.extra_noise"),
    Option(name="img2img_color_correction", default=False, field="init.color_correction", tab="img2img"),
    Option(name="img2img_fix_steps", default=False, field="init.fix_steps", tab="img2img"),
    Option(name="img2img_background_color", default="#ffffff", field="init.background", tab="img2img"),
    Option(name="initial_noise_multiplier", default=1.0, field="init.noise_multiplier", tab="img2img", overridable=False),
    Option(name="overlay_inpaint", default=True, field="mask.overlay", tab="img2img"),
    Option(name="return_grid", default=True),
    *(
        Option(name=field.name, default=field.default, saving=True, choices=FORMATS if field.name in FORMATTED else ())
        for field in walk(Saving)
        if field.name != "return_grid"
    ),
    Option(name="face_restoration", default=False, field="faces.restore"),
    Option(name="return_mask", default=False, refused="the mask as a further picture"),
    Option(name="return_mask_composite", default=False, refused="the mask as a further picture"),
    Option(name="upscaler_for_img2img", default="None", field="init.upscaler", tab="img2img"),
    Option(name="ESRGAN_tile", default=256, field="enlarging.tile"),
    Option(name="ESRGAN_tile_overlap", default=32, field="enlarging.overlap"),
    Option(name="sd_vae", default="Automatic", field="vae"),
    Option(name="sd_vae_encode_method", default="Full", neutral=("Full",), refused="an approximate VAE"),
    Option(name="sd_vae_decode_method", default="Full", neutral=("Full",), refused="an approximate VAE"),
    Option(name="sd_unet", default="Automatic", refused="another UNet"),
    Option(name="sd_hypernetwork", default="None", refused="hypernetworks"),
    Option(name="sd_lora", default="None", refused="LoRA"),
    Option(name="token_merging_ratio", default=0.0, field="shortcuts.merging"),
    Option(name="token_merging_ratio_img2img", default=0.0, field="shortcuts.merging", tab="img2img", yields=True),
    Option(name="token_merging_ratio_hr", default=0.0, field="shortcuts.merging_hires"),
    Option(name="fp8_storage", default="Disable", field="storage", choices=tuple(FP8), words=FP8),
    Option(name="batch_cond_uncond", default=True, field="guidance.apart", choices=(True, False), words={True: False, False: True}),
    Option(name="upcast_attn", default=False, refused="upcast attention"),
    Option(name="pad_cond_uncond_v0", default=False, refused="the old padding of conditionings"),
    Option(name="use_old_emphasis_implementation", default=False, refused="the old emphasis"),
    Option(name="use_old_karras_scheduler_sigmas", default=False, refused="the old Karras range"),
    Option(name="use_old_hires_fix_width_height", default=False, refused="the old sizes of hires fix"),
    Option(name="hires_fix_use_firstpass_conds", default=False, refused="the first pass's prompts in the second"),
    Option(name="no_dpmpp_sde_batch_determinism", default=False, refused="batch-dependent noise"),
    Option(name="ddim_discretize", default="uniform", neutral=("uniform",), refused="another spacing of DDIM"),
    Option(name="uni_pc_variant", default="bh1", neutral=("bh1",), refused="another UniPC variant"),
    Option(name="uni_pc_skip_type", default="time_uniform", neutral=("time_uniform",), refused="another UniPC spacing"),
    Option(name="uni_pc_order", default=3, neutral=(3,), refused="another UniPC order"),
    Option(name="uni_pc_lower_order_final", default=True, neutral=(True,), refused="UniPC without a lower final order"),
    Option(name="inpainting_mask_weight", default=1.0, field="init.mask_weight", tab="img2img"),
    Option(name="face_restoration_model", default="CodeFormer", field="faces.restorer"),
    Option(name="code_former_weight", default=0.5, field="faces.weight"),
    Option(name="send_seed", default=True),
    Option(name="send_size", default=True),
)

BY_OPTION = {option.name: option for option in OPTIONS}
