"""How much of the disk a training takes, and whether there is so much: asked before anything is written. By headers alone, no torch."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from modules.catalog.card import Card
from modules.catalog.measures import measured
from modules.core.errors import BadModelFile, OutputTrouble
from modules.core.paths import Paths
from modules.core.records.families import FAMILIES
from modules.core.training import TrainingRequest, sample_prompts
from modules.training import lora_layers
from modules.training.places import place_of
from modules.training.runs import CHECKPOINTS, listed

SLACK = 2**26
"""Bytes for what is small: the curve, notes, headers of files."""
NUMBER = 4
"""Bytes of one that is trained."""
MOMENTS = {"AdamW": 2.0, "AdamW 8-bit": 0.6, "SGD": 1.0}
"""What an optimizer keeps of each number that is trained, in sizes of it."""
AT_ONCE = 3
"""Checkpoints: the two that are kept, and the next until it is whole."""
LATENT = 16
"""Bytes of a latent."""
CAPTION = 2**19
"""Bytes of what frozen text encoders make of one, about."""
SAMPLE = 2
"""Bytes of a sample picture's pixel, about, as a PNG."""
SIDE = 512


@dataclass(frozen=True)
class Room:
    """Bytes that a training writes: of the run's folder and what is kept beside it, and of the result."""

    run: int
    result: int


def check(request: TrainingRequest, card: Card, paths: Paths, pictures: int = 0) -> None:
    """Raises OutputTrouble where the disk would be full before the end. pictures: how many it is trained on, 0 where that is not known yet."""
    wanted = needed(request, card, paths, pictures)
    disks: dict[int, tuple[Path, int]] = {}
    for folder, size in ((paths.training, wanted.run), (place_of(request, paths).parent, wanted.result)):
        place = next(place for place in (folder, *folder.parents) if place.is_dir())
        first, before = disks.get(os.stat(place).st_dev, (place, 0))
        disks[os.stat(place).st_dev] = first, before + size
    for place, size in disks.values():
        free = shutil.disk_usage(place).free
        if free < size:
            less = ", or choose a smaller rank" if request.what == "lora" else ""
            raise OutputTrouble(f"This training may write {size >> 20} MB, and {place} has room for {free >> 20} MB.", f"Free some space{less}.")


def needed(request: TrainingRequest, card: Card, paths: Paths, pictures: int = 0) -> Room:
    """Checkpoints that are there already are not counted again. A model whose header cannot be read counts as nothing: loading it says why."""
    trained = 0
    with contextlib.suppress(BadModelFile, OSError):
        trained = numbers(request, card)
    checkpoint = int(trained * NUMBER * (1 + MOMENTS[request.learning.optimizer] + bool(request.learning.ema)))
    every = request.watching.save_every or request.steps
    there = len(listed(paths.training / request.name / CHECKPOINTS)) if request.resume else 0
    more = 0 if request.keep else max(1, min(AT_ONCE, -(-request.steps // every)) - there)
    return Room(more * checkpoint + _beside(request, card, pictures) + SLACK, _result(request, card, trained))


def numbers(request: TrainingRequest, card: Card) -> int:
    """How many are trained. Raises BadModelFile, OSError."""
    if request.what == "lora":
        return lora_layers.numbers(card, request.adapter)
    if request.what == "inversion":
        return request.inversion.vectors * 2048
    return measured(card).parts.get("denoiser" if request.what == "unet" else "vae", 0)


def _result(request: TrainingRequest, card: Card, trained: int) -> int:
    """A UNet is written in full precision, with a copy of the folder's other parts; everything else in half."""
    if request.what != "unet":
        return trained * NUMBER // (1 if request.what == "inversion" else 2)
    return trained * NUMBER + sum(path.stat().st_size for path in card.path.rglob("*") if path.is_file() and "unet" not in path.relative_to(card.path).parts)


def _beside(request: TrainingRequest, card: Card, pictures: int) -> int:
    """What frozen networks make of the pictures, samples on the way, and pictures of other things."""
    record, data = FAMILIES.find(card.family), request.data
    pixels = (data.side or card.native or (record.native if record else SIDE)) ** 2
    kept = 0
    if request.what != "autoencoder":
        kept = pictures * data.variants * (1 + data.flip) * pixels // 64 * LATENT
        frozen = request.what == "unet" or request.what == "lora" and not request.adapter.text_encoder
        kept += pictures * CAPTION * frozen
    times = request.steps // request.watching.sample_every + 2 if request.watching.sample_every else 0
    shown = 8 if request.what == "autoencoder" else len(sample_prompts(request))
    return kept + (shown * times + len(request.prior.prompts)) * pixels * SAMPLE
