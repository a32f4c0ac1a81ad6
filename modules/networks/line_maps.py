"""Maps of lines by a network from the user's folder, in one file: soft edges (HED, PiDiNet) and line drawings. A file -> a map, white on black.

They run in fp32, so that a map does not hang on the precision of what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from modules.networks import build, hed, pidinet
from modules.networks.annotated import named, ran, scaled
from modules.networks.hed import HED
from modules.networks.informative_drawings import Drawing
from modules.networks.pidinet import PiDiNet
from modules.networks.sources import under
from modules.networks.weights import Weights

MULTIPLE = 16
"""Of which the sides must be that a network sees: as often as it halves them."""
PREFIX = "module."
"""What trainers put before every name."""


class Kind(NamedTuple):
    """filed: a tensor's name in memory -> in the file."""

    made: Callable[[Mapping[str, tuple[int, ...]]], nn.Module]
    filed: Callable[[str], str] = str


KINDS: Mapping[str, Kind] = {"hed": Kind(HED, hed.filed), "pidinet": Kind(PiDiNet, pidinet.filed), "lineart": Kind(Drawing), "lineart-coarse": Kind(Drawing)}


@dataclass(frozen=True)
class Lines:
    """network: RGB [1, 3, H, W] in 0..1 -> [H, W] in 0..1."""

    network: nn.Module
    device: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return build.size_of(self.network)

    @torch.inference_mode()
    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size. Raises BadModelFile."""
        pixels = scaled(image, MULTIPLE)
        found: Tensor = ran("network for lines", lambda: self.network(pixels.to(self.device)))
        grey = (255 * found.float().cpu()).clamp(0, 255).to(torch.uint8).numpy()
        return Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2)).resize(image.size, Image.Resampling.BILINEAR)


def load(path: Path, kind: str, device: str, name: str) -> Lines:
    """path: a safetensors file, of a pickle what was made of it. name: of the file that the user knows. Raises BadModelFile."""
    with named(name), torch.inference_mode(False):
        weights = Weights([path])
        source = under(weights, PREFIX) if all(one.startswith(PREFIX) for one in weights.shapes) else weights
        network = build.part("network for lines", lambda: KINDS[kind].made(source.shapes))
        build.fill(network, source, KINDS[kind].filed, torch.float32, "network for lines")
        return Lines(network.to(device), device)
