"""Whose fault it is that a model made not-a-number. Asked only once that has happened, so a run that goes well pays nothing for it. Knows no loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from modules.core.errors import NotNumbers
from modules.families.family import Model

PARTS = {
    "unet": "UNet",
    "transformer": "transformer",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
    "text_encoder_3": "third text encoder",
}
"""What draws, by the names of a model's parts, and what people call it. Of an autoencoder its own work tells, but for one within a pipeline."""


def sound(thing: object) -> bool:
    """Whether every tensor in it is of numbers: of a network, a tensor, a sequence, or of a dataclass's fields."""
    if isinstance(thing, nn.Module):
        return all(map(_numbers, chain(thing.parameters(), thing.buffers())))
    if isinstance(thing, Tensor):
        return _numbers(thing)
    if isinstance(thing, (tuple, list)):
        return all(map(sound, thing))
    return not is_dataclass(thing) or all(sound(getattr(thing, one.name)) for one in fields(thing))


def lost(given: Tensor, made: Tensor) -> list[int]:
    """Rows that were numbers in `given` and are none in `made`."""
    after = rows(made)
    return [] if after.all() else (rows(given).to(after.device) & ~after).nonzero().flatten().tolist()


def rows(tensor: Tensor) -> Tensor:
    """[B]: of which rows every value is a number."""
    return tensor.flatten(1).isfinite().all(1)


def weights(model: Model) -> NotNumbers | None:
    """A checkpoint that holds no numbers; None for one that does."""
    apart = {"vae": "VAE"} if "pipeline" in model.parts else {}
    for name, called in {**PARTS, **apart}.items():
        if not sound(model.parts.get(name)):
            what = f"The {called} of {model.card.name} holds values that are no numbers."
            return NotNumbers(what, "Download the checkpoint again, or choose another one.", "model")
    return None


def drawing(model: Model) -> NotNumbers:
    """Of one whose weights are numbers."""
    what = f"{model.card.name} drew not-a-number, in fp32 too, though its weights are numbers."
    return NotNumbers(what, "Lower the CFG scale, or choose another sampler or checkpoint.", "model")


def autoencoding(called: str) -> NotNumbers:
    """called: the autoencoder, as a sentence begins with it."""
    return NotNumbers(f"{called} made not-a-number, in fp32 too.", "Choose another VAE, or download it again.", "vae")


def with_others(found: NotNumbers, acted: Sequence[str]) -> NotNumbers:
    """The same, where something else acted on what made it."""
    if not acted:
        return found
    return NotNumbers(f"{found.what} Beside it acted: {', '.join(acted)}.", "Take them away or give them smaller weights, one by one.", found.field)


def _numbers(tensor: Tensor) -> bool:
    if tensor.is_meta or not tensor.is_floating_point():
        return True
    wide = tensor.detach().to(torch.float16) if tensor.itemsize == 1 else tensor.detach()  # torch does not ask eight bits whether they are numbers
    return bool(wide.isfinite().all())
