"""What is shown while a picture is made: by the small decoder of its latent space where that file is there, else by a linear map of the channels. Never part of a picture."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from modules.catalog.card import Card, Kind
from modules.core.errors import EaselError
from modules.engine.warm import Warm
from modules.families.family import Model
from modules.networks import taesd

log = logging.getLogger(__name__)

NAMES: Mapping[str, str] = {"sd1": "taesd", "sdxl": "taesdxl", "sd3": "taesd3", "flux": "taef1"}
"""Latent space -> what its decoder's file is called; files for SD 1.x and SDXL look alike. A number of latents tells the others, but not SD 3 from FLUX."""
FINEST = 4
"""Pixels of a preview's side for each latent at least: a larger picture's latents are shrunk before they are decoded."""

Show = Callable[[Tensor, int], Tensor]
"""(latents [C, h, w], pixels of the preview's longer side) -> pixels of a picture of whatever size, where the decoder is (`networks.taesd.image` shows them)."""


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def files(self, *kinds: Kind) -> list[Card]: ...


@dataclass
class Previews:
    """networks: where the decoders stay warm. costs: what the last previews took (`features.watch.Pace`)."""

    shelf: Shelf
    networks: Warm
    costs: dict[bool, float] = field(default_factory=dict, init=False)
    _refused: set[str] = field(default_factory=set, init=False)

    def of(self, model: Model) -> Show | None:
        """None where there is no decoder for this model's latents, or none that can be used: a preview is no reason to draw nothing.
        A model whose card brings a map of its own has latents of its own."""
        if model.card.preview:
            return None
        record, device = model.record, self.networks.machine.device
        card = decoder_for(record.space or record.name, self.shelf.files("vae-approx"))
        if card is None or str(card.path) in self._refused:
            return None
        dtype = torch.float32 if device == "cpu" else model.dtype
        try:
            decoder = self.networks.loaded(card, partial(taesd.load, device=device, dtype=dtype, name=card.path.name), str(dtype))
        except EaselError as error:
            log.warning("previews go without %s: %s", card.path.name, error)
            self._refused.add(str(card.path))
            return None
        if decoder.channels != record.latent_channels:
            return None
        return lambda latents, side: decoder.pixels(latents, max(side // FINEST, 32))


def decoder_for(space: str, found: list[Card]) -> Card | None:
    """By the file's name, or that of the folder that a file of diffusers lies in."""
    if space not in NAMES:
        return None
    called = re.compile(rf"{NAMES[space]}(?![a-z0-9])", re.IGNORECASE)
    usable = [card for card in found if not card.trouble and "encoder" not in card.name.lower().replace("decoder", "")]
    return next((card for card in usable if called.match(card.name) or called.match(card.path.parent.name)), None)
