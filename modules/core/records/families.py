"""What is known of each model family without loading it: how its files look, what it supports, what suits it. No torch.

Defaults are the family's own advice; a card beside a model overrides them. Sources: the families' papers and model cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modules.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class FamilyRecord:
    """native: side of the pictures it was trained on, in pixels. multiple: sizes are floored to a multiple of it.
    space: its latent space, by the name of the family that had it first; its own name when empty.
    variants: of its architecture that can be drawn with, by the catalog's words ("inpainting"; "" is the plain one).
    whole: a single file must hold text encoders and VAE too.
    defaults: request values that suit it, by dotted name. memory: rough GB of GPU memory by side in pixels, shown as approximate.
    preview: rows of latent channels to RGB in 0..1 (least squares on decoded pictures), last row the offset.
    sizes: that suit it, in pixels, for a menu: of those it was trained on.
    suits: by variant, what suits that one beyond the family's defaults.
    samplers, schedules: those that apply; () for all. lacks: parameters by dotted name, a group by its first part, that cannot act, and why: the page greys
    them out and the engine refuses them with the same words. idle: named likewise, that do nothing here, as in A1111: the page greys them out too, but a
    request may carry them, for pictures from elsewhere do, and keeps them. half: what "auto" precision means where fp16 would, if not that."""

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    native: int = 512
    multiple: int = 8
    latent_channels: int = 4
    scale: float = 0.18215
    space: str = ""
    variants: tuple[str, ...] = ("",)
    whole: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[int, float] = field(default_factory=dict)
    preview: tuple[tuple[float, float, float], ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    suits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    samplers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    lacks: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)
    half: Literal["fp16", "bf16"] = "fp16"

    def advice(self, variant: str) -> Mapping[str, Any]:
        """Request values that suit a variant, by dotted name."""
        return {**self.defaults, **self.suits.get(variant, {})}

    half_vae: bool = True


FLOW_SAMPLERS = (
    "Euler", "Euler a", "Heun", "LMS", "DPM2", "DPM2 a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE",
)  # fmt: skip
"""Those that go by noise levels alone. The others walk a diffusion model's own timesteps."""
FLOW_SCHEDULES = ("Automatic", "Uniform", "Karras", "Exponential", "SGM Uniform", "Simple", "Normal", "Beta")
"""The schedule types that mean something from all noise (level 1) to none (0). The others are formulas in a sigma that would begin at infinity."""
UNGUIDED = "FLUX learnt its guidance: the distilled CFG scale says how strictly the prompt is followed, and there is no negative prompt."
NO_TABLE = "Models of flow matching have no table of alphas."
NOT_READ = "This kind of model reads its texts by T5 or by a fixed layer of CLIP."
DIFFUSION_LACKS: Mapping[str, str] = {
    "guidance.distilled": "Only FLUX dev and its kin learnt guidance as an input.",
    "spacing.shift": "Only schedules of flow matching are shifted.",
    "shortcuts.first_block": "Only transformers are rows of like blocks; here DeepCache saves the same work.",
}
"""What no diffusion model knows."""
UNFRAMED = dict.fromkeys(
    ("framing.top", "framing.left", "framing.high", "framing.low"), "Only SDXL is told of crops, and only its refiner of aesthetic scores."
)
WHOLE = {"companions": "Its checkpoints hold text encoders and VAE of their own."}
SD1_IDLE: Mapping[str, str] = {**UNFRAMED, **WHOLE}
SD2_IDLE: Mapping[str, str] = {
    **UNFRAMED,
    "text.clip_skip": "Stable Diffusion 2.x was trained on the next-to-last layer of its text encoder and always reads it.",
}
UNMERGED = "Tokens are merged where a network attends at full size, and this one does not; in A1111 nothing happens, either."
MERGING = dict.fromkeys(("shortcuts.merging", "shortcuts.merging_hires"), UNMERGED)
SDXL_IDLE: Mapping[str, str] = {
    **WHOLE,
    **MERGING,
    "text.clip_skip": "SDXL was trained on the next-to-last layers of its text encoders and always reads them.",
}
"""Aesthetic scores act on a refiner, also on one that takes over from the base."""
FLOW_IDLE: Mapping[str, str] = {**UNFRAMED, "text.clip_skip": NOT_READ, **MERGING}
FLOW_LACKS: Mapping[str, str] = {
    "spacing.noise_schedule": NO_TABLE,
    "spacing.downcast_alphas": NO_TABLE,
    "spacing.sgm_noise": "Models of flow matching begin with plain noise.",
    "guidance.pad_conds": "Its texts have one length.",
    "tiling": "A transformer has no edges that could wrap around.",
    "shortcuts.deep_steps": "A transformer has no inner layers to share; the first-block cache saves the same work.",
}
"""What no model of flow matching knows."""
LARGE_SIZES = ((1024, 1024), (1152, 896), (896, 1152), (1216, 832), (832, 1216), (1344, 768), (768, 1344), (1536, 640), (640, 1536))
"""About a million pixels each: buckets of SDXL's training (Podell et al. 2023, appendix I), which those after it kept."""
SD1_SIZES = ((512, 512), (640, 512), (512, 640), (768, 512), (512, 768), (896, 512), (512, 896))
SD2_SIZES = ((768, 768), (896, 704), (704, 896), (960, 640), (640, 960), (1024, 576), (576, 1024))
SD1_PREVIEW = ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473))
SDXL_PREVIEW = ((0.235, 0.235, 0.235), (-0.235, -0.020, 0.039), (0.098, 0.059, -0.020), (-0.275, -0.196, -0.137), (0.588, 0.549, 0.510))
"""From the documentation of diffusers (its guide to callbacks), after Timothy Alexis Vass, "Explaining the SDXL latent space"; in parts of 255 there."""

OWN_WAY = "A model that runs by its own pipeline draws each picture whole, by that pipeline's rules."
PIPELINE_LACKS: Mapping[str, str] = dict.fromkeys(
    (
        "text_precision",
        "tiling",
        "batched",
        "variation.strength",
        "variation.width",
        "text",
        "solver.churn",
        "solver.tmin",
        "solver.tmax",
        "solver.noise",
        "solver.ensd",
        "spacing",
        "guidance.min_sigma",
        "guidance.min_sigma_all",
        "guidance.skip_early",
        "guidance.pad_conds",
        "guidance.interval_high",
        "guidance.interval_low",
        "shortcuts.deep_steps",
        "shortcuts.first_block",
        "guidance.apart",
        "mask.image",
        "outpaint.left",
        "outpaint.right",
        "outpaint.up",
        "outpaint.down",
        "init.noise_multiplier",
        "init.extra_noise",
        "init.resize_mode",
        "hires.enabled",
        "refiner.checkpoint",
        "control",
        "vae",
    ),
    OWN_WAY,
)
"""What has no word in any pipeline's call. What only some lack (a negative prompt, a start picture, another sampler) is refused when one is run."""

FAMILIES: Registry[FamilyRecord] = Registry(
    "model family",
    "model",
    [
        FamilyRecord(
            name="sd1",
            title="Stable Diffusion 1.x",
            aliases=("SD1", "sd15"),
            variants=("", "inpainting", "pix2pix"),
            native=512,
            scale=0.18215,
            defaults={"width": 512, "height": 512, "steps": 30, "cfg_scale": 7.5, "sampler": "DPM++ 2M", "schedule": "Karras"},
            sizes=SD1_SIZES,
            memory={512: 2.5, 768: 3.5, 1024: 5.0},
            preview=SD1_PREVIEW,
            lacks=DIFFUSION_LACKS,
            idle=SD1_IDLE,
        ),
        FamilyRecord(
            name="sd2",
            title="Stable Diffusion 2.x",
            aliases=("SD2", "sd21"),
            variants=("", "inpainting", "depth"),
            native=768,
            space="sd1",
            defaults={"width": 768, "height": 768, "steps": 30, "cfg_scale": 7.5, "sampler": "DPM++ 2M", "schedule": "Karras"},
            sizes=SD2_SIZES,
            memory={512: 2.8, 768: 4.0, 1024: 6.0},
            preview=SD1_PREVIEW,
            lacks=DIFFUSION_LACKS,
            idle=SD2_IDLE,
        ),
        FamilyRecord(
            name="sd3",
            title="Stable Diffusion 3",
            aliases=("SD3", "sd35"),
            variants=("medium", "3.5-medium", "3.5-large"),
            whole=False,
            native=1024,
            latent_channels=16,
            scale=1.5305,
            defaults={"width": 1024, "height": 1024, "steps": 28, "cfg_scale": 4.5, "sampler": "Euler", "schedule": "Automatic"},
            sizes=LARGE_SIZES,
            memory={768: 12.0, 1024: 16.0, 1536: 20.0},
            samplers=FLOW_SAMPLERS,
            schedules=FLOW_SCHEDULES,
            lacks={**FLOW_LACKS, "guidance.distilled": DIFFUSION_LACKS["guidance.distilled"]},
            idle=FLOW_IDLE,
            half="bf16",
        ),
        FamilyRecord(
            name="flux",
            title="FLUX.1",
            aliases=("FLUX", "flux1"),
            variants=("dev", "schnell", "fill"),
            whole=False,
            native=1024,
            latent_channels=16,
            scale=0.3611,
            defaults={"width": 1024, "height": 1024, "steps": 20, "cfg_scale": 1.0, "sampler": "Euler", "schedule": "Automatic"},
            sizes=LARGE_SIZES,
            memory={768: 24.0, 1024: 28.0, 1536: 36.0},
            suits={"schnell": {"steps": 4}, "fill": {"steps": 30, "guidance.distilled": 30.0}},
            samplers=FLOW_SAMPLERS,
            schedules=FLOW_SCHEDULES,
            lacks={
                **FLOW_LACKS,
                "cfg_scale": UNGUIDED,
                "negative_prompt": UNGUIDED,
                "hires.negative_prompt": UNGUIDED,
                "guidance.min_sigma": UNGUIDED,
                "guidance.min_sigma_all": UNGUIDED,
                "guidance.skip_early": UNGUIDED,
                "guidance.interval_high": UNGUIDED,
                "guidance.interval_low": UNGUIDED,
                "guidance.apart": UNGUIDED,
            },
            idle=FLOW_IDLE,
            half="bf16",
        ),
        FamilyRecord(
            name="sdxl",
            title="Stable Diffusion XL",
            aliases=("SDXL",),
            variants=("", "inpainting", "pix2pix"),
            native=1024,
            scale=0.13025,
            defaults={"width": 1024, "height": 1024, "steps": 30, "cfg_scale": 6.0, "sampler": "DPM++ 2M", "schedule": "Karras"},
            sizes=LARGE_SIZES,
            memory={768: 7.0, 1024: 9.0, 1536: 12.0},
            preview=SDXL_PREVIEW,
            half_vae=False,
            lacks=DIFFUSION_LACKS,
            idle=SDXL_IDLE,
        ),
        FamilyRecord(
            name="sdxl-refiner",
            title="Stable Diffusion XL refiner",
            native=1024,
            scale=0.13025,
            space="sdxl",
            defaults={"width": 1024, "height": 1024, "steps": 30, "cfg_scale": 6.0, "sampler": "DPM++ 2M", "schedule": "Karras"},
            sizes=LARGE_SIZES,
            memory={768: 6.5, 1024: 8.5, 1536: 11.5},
            preview=SDXL_PREVIEW,
            half_vae=False,
            lacks=DIFFUSION_LACKS,
            idle=SDXL_IDLE,
        ),
        FamilyRecord(
            name="pipeline",
            title="another family, by its own pipeline",
            native=1024,
            multiple=16,
            defaults={"width": 1024, "height": 1024, "steps": 28, "cfg_scale": 4.5, "sampler": "Euler", "schedule": "Automatic"},
            lacks=PIPELINE_LACKS,
            idle={**SD1_IDLE, **MERGING},
            half="bf16",
        ),
    ],
)
