"""What follows a first pass or repeats it: hires fix, refiner, enlarging networks, scripts; and what SDXL is told of its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, JsonValue

from modules.core.limits import NAME_LIMIT, PROMPT_LIMIT
from modules.core.params import STRICT, Param
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.records.upscalers import HIRES_UPSCALERS

RefinedPass = Literal["second pass", "first pass", "both passes"]


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
    vae: Annotated[str, Param("Refiner's VAE", max_length=400, hint="Empty: the picture's, and where that is Automatic, one that is called like it.")] = ""
    vae_hash: Annotated[str, Param("Refiner's VAE hash", max_length=64, hint="sha256, or its first ten digits.")] = ""
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
    full: Annotated[
        bool, Param("Upscaler in full precision", hint="fp32 where the rest is half. Done by itself where an upscaler would make not-a-number.")
    ] = False
    networks: Annotated[dict[str, str], Param("Upscalers used", hint="Name and sha256 of each; filled in when the request is resolved.")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class Script:
    """A sweep over several requests (`engine.sweeps`): X/Y/Z plot, loopback, outpainting ... args: by the names that the script declares."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    name: Annotated[str, Param("Script", max_length=80, hint="Empty: none.")] = ""
    args: Annotated[dict[str, JsonValue], Param("Script arguments")] = field(default_factory=dict)
