"""Pictures that continue at their opposite edge: every convolution pads by wrapping around (parity rule 7.6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from modules.engine.feature import Feature
from modules.families.family import Model


class Tiling(Feature):
    """Stands on the network and the autoencoder for the whole stage, decoding included."""

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        changed: list[tuple[nn.Conv2d, Any]] = []
        try:
            for part in ("unet", "vae"):
                for layer in model.parts[part].modules():
                    if isinstance(layer, nn.Conv2d):
                        changed.append((layer, layer.padding_mode))
                        _pad(layer, "circular")
            yield
        finally:
            for layer, mode in changed:
                _pad(layer, mode)


def _pad(layer: nn.Conv2d, mode: Any) -> None:
    # torch keeps the explicit padding of the circular mode apart from `padding`; it is set for every mode when the layer is made.
    layer.padding_mode = mode
