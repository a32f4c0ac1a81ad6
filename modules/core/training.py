"""`TrainingRequest`: what is trained on which pictures, and how. A job in the queue like any other; the command line, the page and the API read it from here.

It holds everything that decides the weights that come out, and what is looked at meanwhile (`watching`), which decides nothing. Sources of the rules: Ho & Salimans 2022 (dropped captions), Hang et al. 2023 (min-SNR), Hu et al. 2021 (LoRA), Gal et al. 2022
(textual inversion), Ruiz et al. 2022 (prior preservation), Rombach et al. 2022 (the autoencoder's loss).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.limits import PROMPT_LIMIT, RESERVED, SEED_LIMIT
from modules.core.params import STRICT, Param, to_dict
from modules.core.request import Precision

NAME_LIMIT = 100
FOLDER_LIMIT = 1000
"""Characters of a folder's path."""
PROMPTS = 8
"""Sample pictures of one moment."""

What = Literal["lora", "inversion", "unet", "autoencoder"]
Layers = Literal["attention", "transformer", "everything"]
Crop = Literal["center", "random"]
Curve = Literal["constant", "linear", "cosine"]
Mixed = Literal["no", "bf16", "fp16"]
Optimizer = Literal["AdamW", "AdamW 8-bit", "SGD"]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What it is trained on. side: 0 for the model's own."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    folder: Annotated[str, Param("Folder of pictures", max_length=FOLDER_LIMIT, hint="With captions in metadata.csv, metadata.jsonl or .txt files.")] = ""
    side: Annotated[
        int, Param("Training size (0: automatic)", 0, 2048, 8, hint="Pixels of a square picture's side. 0: the size the model was made for.", flag="side")
    ] = 0
    buckets: Annotated[bool, Param("Keep aspect ratios", hint="Trains wide and high pictures as such; off: everything is cut square.", flag="buckets")] = True
    crop: Annotated[Crop, Param("Crop", hint="Where a picture is cut to its training shape.", flag="crop")] = "center"
    variants: Annotated[int, Param("Crops of each picture", 1, 64, 1, usual=8, hint="So many different random crops of each.", flag="variants")] = 1
    flip: Annotated[bool, Param("Mirror pictures", hint="Half of the time each picture is seen mirrored.", flag="flip")] = False
    held_out: Annotated[float, Param("Held out", 0, 0.5, 0.01, hint="Share of the pictures that is not trained on, but measured with.", flag="held-out")] = 0.1


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Pictures of other things that stay what they were (prior preservation). From a folder, or drawn by the model itself before it learns."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    folder: Annotated[str, Param("Folder of other pictures", max_length=FOLDER_LIMIT)] = ""
    prompts: Annotated[
        tuple[str, ...],
        Param("Prompts to keep", max_length=200, lines=True, hint="Things the model draws itself beforehand, one picture each; a line for each."),
    ] = ()
    share: Annotated[float, Param("Share of other pictures", 0, 0.9, 0.05, hint="Of each batch.")] = 0.25
    weight: Annotated[float, Param("Weight of other pictures", 0, 10, 0.05, usual=2)] = 1.0


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A LoRA."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    rank: Annotated[int, Param("Rank", 1, 512, 1, usual=128, hint="How much a LoRA can hold, and how large its file is.", flag="rank")] = 8
    alpha: Annotated[float, Param("Alpha", 0.01, 1024, 0.5, usual=128, hint="What is learnt acts with alpha / rank.", flag="alpha")] = 8.0
    layers: Annotated[Layers, Param("Layers", hint="attention alone, all of the transformer blocks, or the convolutions too.", flag="layers")] = "attention"
    text_encoder: Annotated[bool, Param("Train the text encoder, too", hint="Needed for things the model has no word for.", flag="text-encoder")] = True


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """A textual inversion."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    vectors: Annotated[int, Param("Vectors", 1, 75, 1, usual=16, hint="Tokens that the new word stands for.", flag="vectors")] = 4
    start: Annotated[str, Param("Start from", max_length=200, hint="A word near to what is to be learnt.", flag="start-from")] = ""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is made small."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    min_snr: Annotated[
        float, Param("Min-SNR gamma", 0, 100, 0.5, usual=20, hint="Noise levels that say little weigh less. 5 is usual, 0 off.", flag="min-snr")
    ] = 0.0
    noise_offset: Annotated[float, Param("Noise offset", 0, 1, 0.01, hint="Lets a model learn very dark and very bright pictures.", flag="noise-offset")] = 0.0
    dropout: Annotated[
        float, Param("Dropped captions", 0, 1, 0.01, hint="Share of the pictures seen without their text, which is what CFG needs.", flag="dropout")
    ] = 0.1
    perceptual: Annotated[float, Param("Perceptual weight", 0, 100, 0.05, usual=2, hint="Of the autoencoder.", flag="perceptual")] = 0.5
    beta: Annotated[float, Param("KL weight", 0, 1, 1e-6, hint="Of the autoencoder: how close its latents stay to a normal distribution.", flag="beta")] = 1e-6


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How fast, and by which rule."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    rate: Annotated[float, Param("Learning rate (0: automatic)", 0, 10, 1e-5, hint="0: what suits the model and what is trained.", flag="rate")] = 0.0
    text_rate: Annotated[float, Param("Learning rate of the text encoder (0: the same)", 0, 10, 1e-5, flag="text-rate")] = 0.0
    curve: Annotated[Curve, Param("Learning rate over time", flag="rate-curve")] = "cosine"
    warmup: Annotated[float, Param("Warm-up", 0, 0.5, 0.01, hint="Share of the steps in which the rate rises.", flag="warmup")] = 0.05
    optimizer: Annotated[Optimizer, Param("Optimizer", hint="8-bit needs bitsandbytes and a GPU.", flag="optimizer")] = "AdamW"
    decay: Annotated[float, Param("Weight decay", 0, 1, 0.001, flag="weight-decay")] = 0.01
    clip: Annotated[float, Param("Largest gradient norm", 0, 1000, 0.1, usual=2, hint="0: not limited.", flag="max-grad-norm")] = 1.0
    ema: Annotated[float, Param("EMA decay", 0, 0.99999, 0.001, hint="Averages the weights over time. 0: off.", flag="ema")] = 0.0


@dataclass(frozen=True, kw_only=True)
class Watching:
    """What is looked at on the way, in steps; 0 for never. prompts: of the sample pictures; empty: the trigger word's, for what draws."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    measure_every: Annotated[
        int, Param("Measure every", 0, 1_000_000, 1, usual=500, hint="Steps between two measurements on what is held out.", flag="measure-every")
    ] = 50
    sample_every: Annotated[int, Param("Sample every", 0, 1_000_000, 1, usual=500, hint="Steps between two rows of sample pictures.", flag="sample-every")] = (
        100
    )
    save_every: Annotated[int, Param("Save every", 0, 1_000_000, 1, usual=500, hint="Steps between two checkpoints to go on from.", flag="save-every")] = 100
    prompts: Annotated[
        tuple[str, ...], Param("Sample prompts", max_length=PROMPTS, lines=True, flag="sample-prompt", hint="A line for each. None: the first captions.")
    ] = ()
    steps: Annotated[int, Param("Sampling steps", 1, 150, 1, flag="sample-steps", hint="Of sample pictures.")] = 20
    seed: Annotated[int, Param("Seed of the samples", 0, SEED_LIMIT, 1, flag="sample-seed")] = 1


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A wish for new weights. name: of the file that comes out. batch: pictures of one pass; a step has batch x accumulation of them on each process.
    resume: goes on from the last checkpoint of the run of this name. keep: with it, to no further step: what was learnt so far becomes the result."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    KIND: ClassVar[str] = "training"
    batch_size: ClassVar[int] = 1
    work: ClassVar[str] = "train"
    sweeps: ClassVar[bool] = False
    what: Annotated[What, Param("What is trained")] = "lora"
    name: Annotated[str, Param("Name", max_length=NAME_LIMIT, hint="Of the file that comes out, and of the run.")] = ""
    model: Annotated[str, Param("Checkpoint", max_length=400, hint="What is adapted. Empty: the default one.")] = ""
    model_hash: Annotated[str, Param("Model hash", max_length=64)] = ""
    trigger: Annotated[str, Param("Trigger word", max_length=200, hint="Stands before each caption, and calls up what was learnt.")] = ""
    steps: Annotated[int, Param("Steps", 1, 10_000_000, 1, usual=5000)] = 400
    batch: Annotated[int, Param("Batch size", 1, 4096, 1, usual=32)] = 4
    accumulation: Annotated[int, Param("Gradient accumulation", 1, 4096, 1, usual=16, hint="Passes whose gradients make one step.")] = 1
    seed: Annotated[int, Param("Seed", 0, SEED_LIMIT, 1, hint="Decides noise, order and crops.")] = 1
    data: Pictures = field(default_factory=Pictures)
    prior: Prior = field(default_factory=Prior)
    adapter: Adapter = field(default_factory=Adapter)
    inversion: Inversion = field(default_factory=Inversion)
    loss: Loss = field(default_factory=Loss)
    learning: Learning = field(default_factory=Learning)
    watching: Watching = field(default_factory=Watching)
    precision: Annotated[Precision, Param("Precision of the frozen weights", hint="auto: fp32 on a CPU; on a GPU bf16, or fp16 where it has none.")] = "auto"
    mixed: Annotated[Mixed, Param("Mixed precision", hint="In which numbers the passes are computed.")] = "no"
    checkpointing: Annotated[bool, Param("Gradient checkpointing", hint="Less memory, a third slower.")] = False
    resume: Annotated[bool, Param("Go on", hint="From the last checkpoint of the run of this name, as it was begun.")] = False
    keep: Annotated[bool, Param("Keep", hint="Ends a run that was paused or broke off: what its last checkpoint has learnt becomes the result.")] = False

    @property
    def pictures(self) -> int:
        """The sheet of samples, before and after."""
        return 1 if sample_prompts(self) or self.what == "autoencoder" and self.watching.sample_every else 0

    @property
    def title(self) -> str:
        return self.name

    @property
    def details(self) -> tuple[str, ...]:
        return (TITLES[self.what], f"{self.steps} steps")

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.trigger, *self.watching.prompts, *self.prior.prompts, self.data.folder)

    @property
    def marks(self) -> Mapping[str, str]:
        return {"dtype": self.precision.replace("auto", ""), "Model hash": self.model_hash}


TITLES: Mapping[str, str] = {"lora": "LoRA", "inversion": "textual inversion", "unet": "UNet", "autoencoder": "autoencoder"}
OWN = ("cache",)
"""Names beside the runs that are no run's."""
BESIDE = ("resume", "keep", "watching", "steps")
"""What a resumed run may have other values for."""


def called(request: TrainingRequest) -> str:
    """What calls up what is learnt; a textual inversion is called by its file's name."""
    return request.trigger or (request.name if request.what == "inversion" else "")


def worded(request: TrainingRequest) -> bool:
    """Whether a picture without a caption can be trained on nevertheless: it has the trigger word, or words do not matter."""
    return bool(called(request)) or request.what == "autoencoder"


def sample_prompts(request: TrainingRequest) -> tuple[str, ...]:
    """What is drawn on the way; an autoencoder shows pictures of its own above what it makes of them instead."""
    if request.what == "autoencoder" or not request.watching.sample_every:
        return ()
    return request.watching.prompts or ((called(request),) if called(request) else ())


def fingerprint(request: TrainingRequest) -> str:
    """sha256 of what decides the weights at each step. Of `steps` only the schedule's, so it is in there where the rate is not constant."""
    tree = {name: value for name, value in to_dict(request).items() if name not in BESIDE}
    if request.learning.curve != "constant" or request.learning.warmup:
        tree["steps"] = request.steps
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _taken(name: str) -> bool:
    """Whether no folder can be called so everywhere, or one is already."""
    return name.endswith(".") or name.casefold() in OWN or bool(RESERVED.match(name))


def check(request: TrainingRequest) -> None:
    """What can be said without looking at any file. Raises InvalidRequest."""
    if not request.name.strip():
        raise InvalidRequest("The training has no name.", "Give the name of the file that is to come out.", "name")
    if request.name != request.name.strip() or request.name.startswith(".") or set(request.name) & set('/\\:*?"<>|') or not request.name.isprintable():
        raise InvalidRequest(f"{request.name!r:.80} is no usable name for a file.", 'Leave out / \\ : * ? " < > |, and dots or spaces at the start.', "name")
    if not request.resume and _taken(request.name):
        raise InvalidRequest(f"{request.name!r} is a name that Windows or Easel keeps for itself.", "Choose another one.", "name")
    if request.keep and not request.resume:
        raise InvalidRequest(
            "There is nothing to keep of a training that has not begun.", "Keep what a run of this name has learnt by going on with it.", "keep"
        )
    if not request.data.folder and not request.resume:
        raise InvalidRequest("There are no pictures to train on.", "Name a folder.", "data.folder")
    if request.what == "inversion" and request.trigger not in ("", request.name):
        raise InvalidRequest("A textual inversion is called up by the name of its file.", "Leave the trigger word empty, or give the name.", "trigger")
    if any(len(prompt) > PROMPT_LIMIT for prompt in (*request.watching.prompts, *request.prior.prompts)):
        raise InvalidRequest(f"A prompt is longer than {PROMPT_LIMIT} characters.", "Shorten it.", "watching.prompts")
    if request.data.variants > 1 and request.data.crop == "center":
        raise InvalidRequest("Several crops of each picture need random ones.", "Set the crop to random.", "data.crop")
