"""Which layers of a network keep their weights in few bits: those that the file has so, and those of what draws where the request says so.

The layers at a network's ends lose most by fewer digits and hold next to nothing, so they stay as they are. Knows names of layers, no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from modules.core.request import Storage
from modules.networks.build import Keep
from modules.networks.packed import Kept, Kind, kept, pack, suits
from modules.networks.sources import Source

DENOISERS = ("unet", "transformer")
KINDS: Mapping[str, Kind] = {"int8": "int8", "nf4": "nf4"}
ENDS = re.compile(r"pos_embed|conv_in|conv_out|time_embedding|time_text_embed|add_embedding|class_embedding|x_embedder|norm_out|^proj_out$|^norm")
"""Found in the names of layers that stay as they are."""


def as_in_file(name: str, weights: Source, inside: str) -> Kept | None:
    """What the file keeps in few bits stays so: the numbers are the same."""
    return weights.kept(inside)


def keeping(storage: Storage) -> Keep | None:
    """How what draws keeps its weights while it is loaded. None: all as plain numbers."""
    kind = KINDS.get(storage)
    if kind is None:
        return as_in_file if storage == "full" else None

    def keep(name: str, weights: Source, inside: str) -> Kept | None:
        if found := weights.kept(inside):
            return found
        return None if ENDS.search(name) else kept(weights.read([inside], torch.float32)[inside], kind)

    return keep


def repack(parts: Mapping[str, Any], storage: Storage) -> None:
    """The same for networks that others have loaded, on the CPU."""
    kind = KINDS.get(storage)
    for part in DENOISERS if kind else ():
        network = parts.get(part)
        for name, layer in list(network.named_modules()) if isinstance(network, nn.Module) else ():
            if kind and suits(layer) and not ENDS.search(name):
                pack(layer, kept(layer.weight, kind), layer.weight.dtype)
