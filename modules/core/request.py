"""`GenerationRequest`: everything that changes the pixels of a picture, and nothing else.

Each parameter is declared here and nowhere else. Settings cannot change pixels; so the checkpoint, the precision and the source of noise are fields too.
A request that came out of `engine.resolve` is concrete: it has real seeds and the hash of its model, and the same one gives the same picture again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, JsonValue

from modules.core import levels
from modules.core.control import LIMIT as CONTROL_LIMIT
from modules.core.control import ControlUnit
from modules.core.params import STRICT, Param
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES

SEED_LIMIT = 2**63 - 1
SEED_DRAW = 4294967294
"""A1111 draws seeds below this (parity rule 7.1)."""
PROMPT_LIMIT = 20_000
"""Characters. Longer ones are refused: 20,000 characters are some 70 chunks of 75 tokens."""
RECORD_LIMIT = 2**18
"""Characters of JSON that extensions may record in a request."""
RECORDED = ("embeddings", "loras")
"""Parameters that resolving fills in from the prompts: names and hashes of the files."""
TEXTS = ("prompt", "negative_prompt", "hires.prompt", "hires.negative_prompt")
"""The parameters that are prompts."""

Emphasis = Literal["Original", "No norm", "Ignore", "None", "compel"]
NoiseSource = Literal["CPU", "GPU", "NV"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
ResizeMode = Literal["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
MaskArea = Literal["Whole picture", "Only masked"]
OutpaintFill = Literal["shaped noise", "stretched edges", "latent noise"]
RefinedPass = Literal["second pass", "first pass", "both passes"]
LATENT_UPSCALERS = ("Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)", "Latent (nearest-exact)")
IMAGE_UPSCALERS = ("None", "Lanczos", "Nearest")
HIRES_UPSCALERS = (*LATENT_UPSCALERS, *IMAGE_UPSCALERS)
"""Those that need no file. The catalog knows the others (`catalog.scan.Library.upscalers`)."""
AUTOMATIC_VAE, OWN_VAE = "Automatic", "None"
"""A1111's words for an autoencoder that is no file's name."""
NAME_LIMIT = 200
"""Characters of a file's name."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A second seed mixed into the first one's noise; and noise laid out for another picture size."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    seed: Annotated[int, Param("Variation seed", -1, SEED_LIMIT, 1, text="Variation seed", hint="-1 draws one.")] = -1
    strength: Annotated[
        float, Param("Variation strength", 0, 1, 0.01, text="Variation seed strength", hint="0: the seed alone. 1: the variation seed alone.")
    ] = 0.0
    width: Annotated[int, Param("Resize seed from width", 0, 16384, 8, usual=2048, hint="Keeps the composition of that size. 0: off.")] = 0
    height: Annotated[int, Param("Resize seed from height", 0, 16384, 8, usual=2048, hint="Keeps the composition of that size. 0: off.")] = 0


@dataclass(frozen=True, kw_only=True)
class Text:
    """How the prompts are read."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    emphasis: Annotated[
        Emphasis, Param("Emphasis", text="Emphasis", hint="What (word:1.5) does: A1111's rule, without its norm, nothing, literal brackets, or compel's rule.")
    ] = "Original"
    clip_skip: Annotated[
        int, Param("Clip skip", 1, 12, 1, text="Clip skip", hint="Stops this many layers before the end of the text encoder. 2 suits many anime models.")
    ] = 1
    comma_backtrack: Annotated[int, Param("Comma backtrack", 0, 74, 1, hint="How far a text longer than 75 tokens is cut back to a comma.")] = 20
    comments: Annotated[bool, Param("Comments in prompts", hint="# starts a comment.")] = True
    old_editing: Annotated[bool, Param("Old prompt editing timelines", text="Old prompt editing timelines", hint="As A1111 before 1.6.")] = False


@dataclass(frozen=True, kw_only=True)
class Solver:
    """What a sampler takes beyond its schedule. k-diffusion's names (Karras et al. 2022)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    eta: Annotated[float | None, Param("Eta", 0, 10, 0.01, hint="Fresh noise in each step. Empty: the sampler's own (1 for ancestral ones, 0 for DDIM).")] = (
        None
    )
    churn: Annotated[float, Param("Sigma churn", 0, 100, 0.01, text="Sigma churn")] = 0.0
    tmin: Annotated[float, Param("Sigma tmin", 0, 1000, 0.01, text="Sigma tmin")] = 0.0
    tmax: Annotated[float, Param("Sigma tmax", 0, 1000, 0.01, text="Sigma tmax", hint="0: no limit.")] = 0.0
    noise: Annotated[float, Param("Sigma noise", 0, 10, 0.001, text="Sigma noise")] = 1.0
    ensd: Annotated[int, Param("Eta noise seed delta", -(2**31), 2**31, 1, text="ENSD", hint="Added to the seed after the first draw. 31337 is NovelAI's.")] = 0
    named: Annotated[bool, Param("Churn and its limits in the picture's text", hint="Off: as A1111's API, which leaves them out.")] = True


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """What bends a schedule type, or stands in its place. 0 leaves the model's own value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    sigmas: Annotated[
        levels.Levels,
        BeforeValidator(levels.read),
        AfterValidator(levels.check),
        Param(
            "Custom sigmas",
            text="Schedule sigmas",
            hint="Noise levels of your own, from high to low: 14.6, 5.5, 2.1, 0.8, 0.3, 0.03. Each is one step, whatever the schedule type and the steps say."
            " Empty: off.",
        ),
    ] = ()
    sigma_min: Annotated[float, Param("Schedule min sigma", 0, 1000, 0.01, text="Schedule min sigma")] = 0.0
    sigma_max: Annotated[float, Param("Schedule max sigma", 0, 1000, 0.01, text="Schedule max sigma")] = 0.0
    rho: Annotated[float, Param("Schedule rho", 0, 100, 0.01, text="Schedule rho")] = 0.0
    shift: Annotated[
        float,
        Param(
            "Schedule shift",
            0,
            100,
            0.05,
            usual=12,
            text="Schedule shift",
            hint="Flow-matching models: higher spends more steps on the composition. 0: the model's own.",
        ),
    ] = 0.0
    beta_alpha: Annotated[float, Param("Beta schedule alpha", 0.01, 1, 0.01, text="Beta schedule alpha")] = 0.6
    beta_beta: Annotated[float, Param("Beta schedule beta", 0.01, 1, 0.01, text="Beta schedule beta")] = 0.6
    discard_penultimate: Annotated[bool, Param("Discard penultimate sigma", text="Discard penultimate sigma")] = False
    sgm_noise: Annotated[bool, Param("SGM noise multiplier", text="SGM noise multiplier", hint="First noise scaled as in Stability's own code.")] = False
    quantize: Annotated[bool, Param("Quantize timesteps", hint="Rounds fractional timesteps before the network sees them.")] = False
    noise_schedule: Annotated[Literal["Default", "Zero Terminal SNR"], Param("Noise schedule", text="Noise Schedule")] = "Default"
    downcast_alphas: Annotated[bool, Param("Downcast alphas_cumprod", text="Downcast alphas_cumprod", hint="As A1111 before 1.7 with half precision.")] = False


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """When classifier-free guidance (Ho & Salimans 2022) is left out, and how unequal prompts are matched."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    min_sigma: Annotated[
        float,
        Param("Negative guidance minimum sigma", 0, 15, 0.01, text="NGMS", hint="Below this noise level the negative prompt is skipped on every second step."),
    ] = 0.0
    min_sigma_all: Annotated[bool, Param("Negative prompt skipped on every step", text="NGMS all steps")] = False
    skip_early: Annotated[float, Param("Skip early CFG", 0, 1, 0.01, text="Skip Early CFG", hint="Share of the first steps without the negative prompt.")] = 0.0
    distilled: Annotated[
        float,
        Param(
            "Distilled CFG Scale",
            0,
            100,
            0.1,
            usual=30,
            text="Distilled CFG Scale",
            hint="Of models that learnt guidance (FLUX dev): how strictly the prompt is followed.",
        ),
    ] = 3.5
    pad_conds: Annotated[bool, Param("Pad conds", text="Pad conds", hint="Prompt and negative prompt are brought to one length.")] = False


@dataclass(frozen=True, kw_only=True)
class Init:
    """The picture that a run starts from (img2img). Pictures are references by content into the blob store (`core.blobs`)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    image: Annotated[str, Param("Start picture", max_length=80, hint="Empty: starts from noise.")] = ""
    batch: Annotated[tuple[str, ...], Param("Start pictures of a batch", hint="Where each picture has its own, in order.")] = ()
    resize_mode: Annotated[ResizeMode, Param("Resize mode", hint="How the picture is brought to width and height.")] = "Just resize"
    strength: Annotated[float, Param("Denoising strength", 0, 1, 0.01, text="Denoising strength", hint="0 keeps the picture, 1 draws a new one.")] = 0.75
    noise_multiplier: Annotated[float, Param("Noise multiplier", 0, 1.5, 0.001, text="Noise multiplier")] = 1.0
    extra_noise: Annotated[float, Param("Extra noise", 0, 1, 0.01, text="Extra noise", hint="Also acts in the hires pass.")] = 0.0
    fix_steps: Annotated[bool, Param("Do exactly the steps asked for", hint="Otherwise the strength shortens them, as A1111 does.")] = False
    color_correction: Annotated[bool, Param("Colour correction", hint="Gives the result the colours of the start picture.")] = False
    color_from: Annotated[str, Param("Picture of the colours", max_length=80, hint="For the colour correction. Empty: the start picture.")] = ""
    mask_weight: Annotated[
        float,
        Param(
            "Inpainting conditioning mask strength",
            0,
            1,
            0.01,
            text="Conditional mask weight",
            hint="How much of the masked part is hidden from an inpainting model.",
        ),
    ] = 1.0
    image_cfg: Annotated[
        float | None,
        Param(
            "Image CFG scale",
            0,
            100,
            0.05,
            text="Image CFG scale",
            hint="Of models that edit by instruction: how closely they keep to the picture. Empty: 1.5.",
        ),
    ] = None
    depth: Annotated[str, Param("Depth map", max_length=80, hint="Of depth-to-image models: bright where something is near.")] = ""
    background: Annotated[str, Param("Background colour", max_length=9, hint="Stands behind transparent parts of the start picture.")] = "#ffffff"
    upscaler: Annotated[
        str, Param("Upscaler for the start picture", choices=IMAGE_UPSCALERS, max_length=NAME_LIMIT, hint="Where it must grow to reach width and height.")
    ] = "None"


@dataclass(frozen=True, kw_only=True)
class SoftInpainting:
    """Blends at the rim of a mask, step by step. A1111's rule."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    enabled: Annotated[bool, Param("Soft inpainting", text="Soft inpainting enabled")] = False
    bias: Annotated[float, Param("Schedule bias", 0, 8, 0.1, text="Soft inpainting schedule bias")] = 1.0
    preservation: Annotated[float, Param("Preservation strength", 0, 8, 0.05, text="Soft inpainting preservation strength")] = 0.5
    contrast: Annotated[float, Param("Transition contrast boost", 1, 32, 0.5, text="Soft inpainting transition contrast boost")] = 4.0
    influence: Annotated[float, Param("Mask influence", 0, 1, 0.05, text="Soft inpainting mask influence")] = 0.0
    threshold: Annotated[float, Param("Difference threshold", 0, 8, 0.25, text="Soft inpainting difference threshold")] = 0.5
    difference_contrast: Annotated[float, Param("Difference contrast", 0, 8, 0.25, text="Soft inpainting difference contrast")] = 2.0


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Which part of the start picture is drawn anew (inpainting). White is drawn anew."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    image: Annotated[str, Param("Mask", max_length=80, hint="Empty: the whole picture.")] = ""
    latent: Annotated[str, Param("Mask for the latents", max_length=80, hint="Empty: made from the mask.")] = ""
    blur_x: Annotated[int, Param("Mask blur", 0, 256, 1, usual=64, text="Mask blur")] = 4
    blur_y: Annotated[int, Param("Mask blur, vertical", 0, 256, 1, usual=64)] = 4
    invert: Annotated[bool, Param("Inpaint not masked")] = False
    content: Annotated[MaskedContent, Param("Masked content", text="Masked content", hint="What the masked part starts from.")] = "original"
    area: Annotated[MaskArea, Param("Inpaint area", text="Inpaint area", hint="Only masked draws that part at full size.")] = "Whole picture"
    padding: Annotated[int, Param("Only masked padding, pixels", 0, 4096, 4, usual=256, text="Masked area padding")] = 32
    round: Annotated[bool, Param("Sharp latent mask", hint="Off: half-masked latents are half drawn anew.")] = True
    overlay: Annotated[bool, Param("Put the original back outside of the mask", hint="Keeps its pixels exactly.")] = True
    soft: SoftInpainting = field(default_factory=SoftInpainting)


@dataclass(frozen=True, kw_only=True)
class Outpaint:
    """The start picture grows at its sides, and what is new is drawn. Width and height follow from it. It keeps its pixels but for the feather."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    left: Annotated[int, Param("Pixels to the left", 0, 8192, 8, usual=512, text="Outpaint left")] = 0
    right: Annotated[int, Param("Pixels to the right", 0, 8192, 8, usual=512, text="Outpaint right")] = 0
    up: Annotated[int, Param("Pixels above", 0, 8192, 8, usual=512, text="Outpaint up")] = 0
    down: Annotated[int, Param("Pixels below", 0, 8192, 8, usual=512, text="Outpaint down")] = 0
    fill: Annotated[
        OutpaintFill,
        Param("Fill", text="Outpaint fill", hint="What the new parts start from: noise in the manner of the picture, its edges drawn out, or nothing of it."),
    ] = "stretched edges"
    strength: Annotated[
        float,
        Param("Denoising strength", 0, 1, 0.01, hint="How freely the new parts are drawn; low keeps near their fill. Latent noise is always drawn whole."),
    ] = 0.75
    continuity: Annotated[
        float,
        Param(
            "Continuity",
            0,
            1,
            0.05,
            text="Outpaint continuity",
            hint="High: the picture simply goes on. Low: the prompt may put new things into the new parts.",
        ),
    ] = 0.5
    feather: Annotated[int, Param("Feather, pixels", 0, 256, 1, usual=64, text="Outpaint feather", hint="How far the old picture passes into the new.")] = 8

    @property
    def grows(self) -> bool:
        return bool(self.left or self.right or self.up or self.down)


@dataclass(frozen=True, kw_only=True)
class Hires:
    """A second pass at a larger size. Empty fields repeat the first pass's value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    enabled: Annotated[bool, Param("Draw a second, larger pass")] = False
    scale: Annotated[float, Param("Upscale by", 1, 16, 0.05, usual=4, text="Hires upscale")] = 2.0
    width: Annotated[int, Param("Resize width to", 0, 16384, 8, usual=2048, hint="0: by the scale.")] = 0
    height: Annotated[int, Param("Resize height to", 0, 16384, 8, usual=2048, hint="0: by the scale.")] = 0
    upscaler: Annotated[
        str,
        Param("Upscaler", text="Hires upscaler", choices=HIRES_UPSCALERS, max_length=NAME_LIMIT, hint="Those here need no file; models/ESRGAN holds others."),
    ] = "Latent"
    steps: Annotated[int, Param("Hires steps", 0, 1000, 1, usual=150, text="Hires steps", hint="0: as in the first pass.")] = 0
    strength: Annotated[float, Param("Denoising strength", 0, 1, 0.01, hint="How much is drawn anew.")] = 0.7
    sampler: Annotated[
        str, Param("Hires sampling method", text="Hires sampler", choices=SAMPLERS.names, max_length=80, hint="Empty: as in the first pass.")
    ] = ""
    schedule: Annotated[
        str, Param("Hires schedule type", text="Hires schedule type", choices=SCHEDULES.names, max_length=80, hint="Empty: as in the first pass.")
    ] = ""
    prompt: Annotated[str, Param("Hires prompt", text="Hires prompt", max_length=PROMPT_LIMIT, hint="Empty: as in the first pass.")] = ""
    negative_prompt: Annotated[
        str, Param("Hires negative prompt", text="Hires negative prompt", max_length=PROMPT_LIMIT, hint="Empty: as in the first pass.")
    ] = ""


@dataclass(frozen=True, kw_only=True)
class Refiner:
    """Another checkpoint that takes over inside the running sampler, which keeps its history. A1111's rule."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    checkpoint: Annotated[str, Param("Refiner checkpoint", text="Refiner", max_length=400, hint="Takes over for the last part.")] = ""
    checkpoint_hash: Annotated[str, Param("Refiner hash", max_length=64, hint="sha256, or its first ten digits.")] = ""
    switch_at: Annotated[float, Param("Switch at", 0, 1, 0.01, text="Refiner switch at", hint="When: 0 at once, 1 never.")] = 0.8
    by_steps: Annotated[bool, Param("Switch by sampling steps", text="Refiner switch by sampling steps", hint="Not by the noise; as A1111 before 1.8.")] = False
    passes: Annotated[RefinedPass, Param("Refined pass", text="Hires refiner", hint="Of a hires fix.")] = "second pass"


@dataclass(frozen=True, kw_only=True)
class Framing:
    """What SDXL is told of its pictures beside the text (Podell et al. 2023, section 2.2). A1111's values."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    top: Annotated[
        int, Param("Crop from the top", 0, 16384, 8, usual=1024, text="SDXL crop top", hint="Of SDXL: how many pixels its picture is told to lack there.")
    ] = 0
    left: Annotated[
        int, Param("Crop from the left", 0, 16384, 8, usual=1024, text="SDXL crop left", hint="Of SDXL: how many pixels its picture is told to lack there.")
    ] = 0
    high: Annotated[
        float, Param("Aesthetic score", 0, 100, 0.1, usual=10, text="Aesthetic score", hint="Of the SDXL refiner: how beautiful the prompt is told to be.")
    ] = 6.0
    low: Annotated[
        float,
        Param("Negative aesthetic score", 0, 100, 0.1, usual=10, text="Negative aesthetic score", hint="Of the SDXL refiner: the same of the negative prompt."),
    ] = 2.5


@dataclass(frozen=True, kw_only=True)
class Enlarging:
    """How networks enlarge pictures: piece by piece, so that memory stays bounded; and which files acted. Pieces change last bits, so they stand here."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    tile: Annotated[int, Param("Upscaler tile size", 0, 4096, 16, usual=1024, hint="Pixels of the small picture enlarged at a time. 0: all of it at once.")] = (
        256
    )
    overlap: Annotated[int, Param("Upscaler tile overlap", 0, 512, 8, usual=128, hint="Neighbouring tiles fade into each other over half of it.")] = 32
    networks: Annotated[dict[str, str], Param("Upscalers used", hint="Name and sha256 of each; filled in when the request is resolved.")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class Script:
    """A sweep over several requests (`engine.sweeps`): X/Y/Z plot, loopback, outpainting ... args: by the names that the script declares."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    name: Annotated[str, Param("Script", max_length=80, hint="Empty: none.")] = ""
    args: Annotated[dict[str, JsonValue], Param("Script arguments")] = field(default_factory=dict)


def _within_limit(record: dict[str, dict[str, JsonValue]]) -> dict[str, dict[str, JsonValue]]:
    if record and len(json.dumps(record, ensure_ascii=False)) > RECORD_LIMIT:
        raise ValueError(f"extensions may record {RECORD_LIMIT} characters of JSON")
    return record


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """A wish for pictures. Sizes in pixels; `count` batches of `batch_size` pictures each."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    KIND: ClassVar[str] = "generation"
    prompt: Annotated[str, Param("Prompt", max_length=PROMPT_LIMIT)] = ""
    negative_prompt: Annotated[str, Param("Negative prompt", flag="negative", max_length=PROMPT_LIMIT)] = ""
    styles: Annotated[tuple[str, ...], Param("Styles", hint="Names from styles.csv, applied in order; their text becomes part of the prompts.")] = ()
    model: Annotated[str, Param("Checkpoint", text="Model", max_length=400, hint="File name, title or hash. Empty: the default one.")] = ""
    model_hash: Annotated[str, Param("Model hash", text="Model hash", max_length=64, hint="sha256, or its first ten digits.")] = ""
    vae: Annotated[
        str,
        Param(
            "VAE",
            text="VAE",
            max_length=400,
            hint="A file of models/VAE. Automatic: one that is called like the checkpoint, else its own. None: its own."
            " Files for SD 1.x and for SDXL look alike; the wrong one gives wrong colours.",
        ),
    ] = AUTOMATIC_VAE
    vae_hash: Annotated[str, Param("VAE hash", text="VAE hash", max_length=64, hint="sha256, or its first ten digits.")] = ""
    vae_full: Annotated[
        bool, Param("VAE in full precision", text="VAE upcast", hint="fp32 where the rest is half. Done by itself where a picture would come out black.")
    ] = False
    sampler: Annotated[str, Param("Sampling method", text="Sampler", choices=SAMPLERS.names, max_length=80)] = "DPM++ 2M"
    schedule: Annotated[str, Param("Schedule type", text="Schedule type", choices=SCHEDULES.names, max_length=80)] = "Automatic"
    steps: Annotated[
        int, Param("Sampling steps", 1, 1000, 1, usual=150, text="Steps", hint="10 to 25 fast, 25 to 50 balanced, beyond that little changes.")
    ] = 20
    width: Annotated[int, Param("Width", 64, 16384, 8, text="Size", usual=2048)] = 512
    height: Annotated[int, Param("Height", 64, 16384, 8, usual=2048)] = 512
    cfg_scale: Annotated[
        float,
        Param(
            "CFG Scale",
            0,
            100,
            0.5,
            usual=30,
            text="CFG scale",
            flag="cfg",
            hint="How strictly the prompt is followed: 1 to 3 freer, 5 to 9 balanced, over 10 strong with artifacts.",
        ),
    ] = 7.0
    seed: Annotated[int, Param("Seed", -1, SEED_LIMIT, 1, text="Seed", hint="-1 draws one.")] = -1
    count: Annotated[int, Param("Batch count", 1, 1000, 1, usual=100, hint="How many batches, one after the other.")] = 1
    batch_size: Annotated[int, Param("Batch size", 1, 64, 1, flag="batch", usual=8, hint="Pictures per batch.")] = 1
    batched: Annotated[bool, Param("Evaluate a batch at once", hint="Faster on a GPU; a picture then differs in its last bits from one made alone.")] = False
    tiling: Annotated[bool, Param("Tiling", text="Tiling", hint="The picture continues at its opposite edge.")] = False
    noise_source: Annotated[
        NoiseSource,
        Param("Noise source", text="RNG", hint="CPU: same picture on every machine. GPU: the device's own. NV: what an NVIDIA card draws, computed anywhere."),
    ] = "CPU"
    precision: Annotated[Precision, Param("Precision", hint="auto: fp32 on a CPU, fp16 on a GPU.")] = "auto"
    embeddings: Annotated[
        dict[str, str], Param("Embeddings used", text="TI hashes", hint="Name and sha256 of each; filled in when the request is resolved.")
    ] = field(default_factory=dict)
    loras: Annotated[
        dict[str, str],
        Param("LoRAs used", text="Lora hashes", hint="Name and hash of the weights (AutoV3) of each; filled in when the request is resolved."),
    ] = field(default_factory=dict)
    control: Annotated[
        tuple[ControlUnit, ...],
        Param("Control units", max_length=CONTROL_LIMIT, hint="Pictures that guide the drawing: through ControlNets, T2I-Adapters, IP-Adapters."),
    ] = ()
    companions: Annotated[
        dict[str, str],
        Param(
            "Text encoders and VAE used",
            hint="Of a checkpoint that holds none itself (FLUX, SD3), or the network for depth of one that draws after it: name and sha256 of each. What is not named is found and filled in when the request is resolved.",
        ),
    ] = field(default_factory=dict)
    extensions: Annotated[
        dict[str, dict[str, JsonValue]],
        Param("Changed by extensions", text="Extensions", hint="By the extension's name what it recorded; was: what stood there before, by parameter."),
        AfterValidator(_within_limit),
    ] = field(default_factory=dict)
    as_is: Annotated[
        bool, Param("As it stands", hint="Extensions leave this request alone. Every saved picture says so, and therefore comes back as it was.")
    ] = False
    variation: Variation = field(default_factory=Variation)
    text: Text = field(default_factory=Text)
    solver: Solver = field(default_factory=Solver)
    spacing: Spacing = field(default_factory=Spacing)
    guidance: Guidance = field(default_factory=Guidance)
    init: Init = field(default_factory=Init)
    mask: Mask = field(default_factory=Mask)
    outpaint: Outpaint = field(default_factory=Outpaint)
    hires: Hires = field(default_factory=Hires)
    refiner: Refiner = field(default_factory=Refiner)
    framing: Framing = field(default_factory=Framing)
    enlarging: Enlarging = field(default_factory=Enlarging)
    script: Script = field(default_factory=Script)

    @property
    def pictures(self) -> int:
        return self.count * self.batch_size

    @property
    def work(self) -> str:
        return "img2img" if self.init.image else "txt2img"

    @property
    def title(self) -> str:
        return self.prompt

    @property
    def details(self) -> tuple[str, ...]:
        return (f"{self.width} × {self.height}", f"{self.steps} steps", *filter(None, [self.model]))

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.prompt, self.negative_prompt, self.hires.prompt, self.hires.negative_prompt)

    @property
    def sweeps(self) -> bool:
        return bool(self.script.name)

    @property
    def marks(self) -> Mapping[str, str]:
        return {"dtype": self.precision.replace("auto", ""), "model hash": self.model_hash}

    @property
    def outpaints(self) -> bool:
        """Whether a start picture grows."""
        return bool(self.init.image) and self.outpaint.grows


def single(request: GenerationRequest, index: int) -> GenerationRequest:
    """The request that makes picture `index` of a resolved request alone. A1111's rule: seeds count up, unless a variation seed does instead."""
    varied = request.variation.strength > 0
    seed = request.seed if varied else _counted(request.seed, index)
    variation = dataclasses.replace(request.variation, seed=_counted(request.variation.seed, index)) if varied else request.variation
    own = request.init.batch
    init = dataclasses.replace(request.init, image=own[index % len(own)], batch=()) if own else request.init
    return dataclasses.replace(request, seed=seed, variation=variation, init=init, count=1, batch_size=1)


def _counted(seed: int, index: int) -> int:
    """Beyond the largest seed it goes on at 0, so that every picture's own request can be read again."""
    return seed + index if seed + index <= SEED_LIMIT else seed + index - SEED_LIMIT - 1


def templates(request: GenerationRequest) -> dict[str, str]:
    """The prompts as they stood before extensions changed them, by parameter; only those that were changed. A record out of a file may hold anything."""
    found: dict[str, str] = {}
    for record in request.extensions.values():
        was = record.get("was")
        for name, text in was.items() if isinstance(was, dict) else ():
            if name in TEXTS and isinstance(text, str) and len(text) <= PROMPT_LIMIT:
                found.setdefault(name, text)
    return found
