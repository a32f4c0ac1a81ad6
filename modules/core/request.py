"""`GenerationRequest`: everything that changes the pixels of a picture, and nothing else.

Each parameter is declared here, or in one of its groups (`core.groups`, `core.control`), and nowhere else. Settings cannot change pixels; so the checkpoint, the precision and the source of noise are fields too.
A request that came out of `engine.resolve` is concrete: it has real seeds and the hash of its model, and the same one gives the same picture again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, JsonValue

from modules.core.control import LIMIT as CONTROL_LIMIT
from modules.core.control import ControlUnit
from modules.core.groups.editing import Init, Mask, Outpaint
from modules.core.groups.faces import RestoredFaces
from modules.core.groups.passes import Enlarging, Framing, Hires, Refiner, Script
from modules.core.groups.sampling import Guidance, Solver, Spacing, Text, Variation
from modules.core.groups.shortcuts import Shortcuts
from modules.core.limits import PROMPT_LIMIT, SEED_LIMIT
from modules.core.params import STRICT, Param
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES

SEED_DRAW = 4294967294
"""A1111 draws seeds below this (parity rule 7.1)."""
RECORD_LIMIT = 2**18
"""Characters of JSON that extensions may record in a request."""
RECORDED = ("embeddings", "loras")
"""Parameters that resolving fills in from the prompts: names and hashes of the files."""
TEXTS = ("prompt", "negative_prompt", "hires.prompt", "hires.negative_prompt")
"""The parameters that are prompts."""

NoiseSource = Literal["CPU", "GPU", "NV"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
Storage = Literal["full", "fp8", "fp8 for SDXL", "int8", "nf4"]
AUTOMATIC_VAE, OWN_VAE = "Automatic", "None"
"""A1111's words for an autoencoder that is no file's name."""


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
    vae_tiled: Annotated[
        bool,
        Param(
            "VAE in tiles",
            text="VAE tiled",
            hint="Large pictures pass through the VAE piece by piece: much less memory, nearly the same picture. Done by itself where memory would be short.",
        ),
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
    text_precision: Annotated[
        Precision, Param("Precision of text encoders", hint="auto: as the rest, or as --text-encoder-precision says. T5 works in bf16 in place of fp16.")
    ] = "auto"
    storage: Annotated[
        Storage,
        Param(
            "Weights kept in",
            text="Weights kept in",
            hint="Of what draws. fp8 and int8 take half the memory of fp16, a quarter of fp32; nf4 half of that. Each layer is widened while it computes, so pictures"
            " take longer and differ: with int8 hardly, with fp8 a little, with nf4 more.",
        ),
    ] = "full"
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
            "Text encoders and VAE",
            hint="Of a checkpoint that holds none itself (FLUX, SD3), or the network for depth of one that draws after it; Forge's modules. Empty: what fits is found"
            " in models/text_encoder and models/VAE, and recorded with its hash.",
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
    shortcuts: Shortcuts = field(default_factory=Shortcuts)
    init: Init = field(default_factory=Init)
    mask: Mask = field(default_factory=Mask)
    outpaint: Outpaint = field(default_factory=Outpaint)
    hires: Hires = field(default_factory=Hires)
    refiner: Refiner = field(default_factory=Refiner)
    framing: Framing = field(default_factory=Framing)
    enlarging: Enlarging = field(default_factory=Enlarging)
    faces: RestoredFaces = field(default_factory=RestoredFaces)
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
