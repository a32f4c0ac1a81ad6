"""A file's autoencoder in place of the checkpoint's own. Knows no sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from modules.catalog.card import Card
from modules.core.options import DeviceOptions
from modules.core.request import GenerationRequest
from modules.engine.models import Loaded
from modules.engine.plan import Stage
from modules.engine.warm import Warm
from modules.families.family import Model
from modules.memory.budget import decoding
from modules.memory.placement import Placed, place_alone
from modules.networks import vae, vae_file, vae_tiles

TILED = "Memory would have been short, so the VAE worked in tiles."


@dataclass(frozen=True)
class Standing:
    """A network that stays in memory, and where it lies. size: in bytes."""

    network: torch.nn.Module
    placed: Placed
    size: int


@dataclass
class Autoencoders:
    """networks: where files of their own stay warm. options: where they lie."""

    networks: Warm
    options: DeviceOptions

    def instead(self, card: Card | None, loaded: Loaded) -> Loaded:
        """The model with the autoencoder of a file; as it is without one. Raises BadModelFile, Unsupported, OutputTrouble."""
        if card is None:
            return loaded
        config = dict(loaded.model.parts["vae"].config)
        load = partial(self._load, config=config, dtype=loaded.model.vae_dtype, name=card.path.name)
        how = f"{loaded.model.vae_dtype}|{sorted((key, str(value)) for key, value in config.items())}"
        network = self.networks.loaded(card, load, how).network
        return replace(loaded, model=replace(loaded.model, parts={**loaded.model.parts, "vae": network}))

    def _load(self, path: Path, config: Mapping[str, Any], dtype: torch.dtype, name: str) -> Standing:
        with torch.inference_mode(False):  # as the models'
            network = vae_file.load(path, config, dtype, name)
            placed = place_alone(network, self.options, self.networks.machine, self.networks.converted)
        return Standing(network, placed, sum(tensor.nbytes for tensor in network.parameters()))


def tiles(request: GenerationRequest, stages: Sequence[Stage], model: Model, free: int) -> bool:
    """Whether the autoencoder is to work tile by tile: where the request says so, or free bytes would not suffice for the largest of its pictures."""
    height, width = (max(stage.latent[side] for stage in stages) for side in (1, 2))
    widths = model.parts["vae"].config.block_out_channels
    if not vae_tiles.needed(height, width):
        return request.vae_tiled
    side = vae.factor(model.parts["vae"])
    return request.vae_tiled or decoding(widths, height * side, width * side, model.vae_dtype.itemsize) > free
