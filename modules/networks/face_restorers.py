"""Networks that draw faces sharper: GFPGAN (by spandrel) and CodeFormer. A file -> a function from a square with a face to the same square. Knows no picture around it.

They run in fp32: GFPGAN leaves the range of fp16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from modules.catalog import upscalers as catalog
from modules.catalog.header import Header
from modules.core.errors import BadModelFile, NotNumbers
from modules.memory.device import is_out_of_memory
from modules.networks.architectures import recognised
from modules.networks.codeformer import CodeFormer
from modules.networks.upscalers import Pause, interruptible
from modules.networks.weights import DTYPES, INTEGERS, Weights

Draw = Callable[[Tensor, float], Tensor]
"""face [1, 3, side, side] in -1..1, weight -> the same, not clamped."""


@dataclass(frozen=True)
class Restorer:
    """side: pixels of the squares that it takes. draw: `network`, called its way. name: of the file that the user knows."""

    network: nn.Module
    draw: Draw
    side: int
    device: str
    name: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return sum(tensor.nbytes for tensor in self.network.parameters())

    @torch.inference_mode()
    def restore(self, face: np.ndarray, weight: float = 0.0, pause: Pause = lambda: None) -> np.ndarray:
        """face uint8 [side, side, 3] -> the same, drawn anew. weight: see CodeFormer; GFPGAN has none. Raises NotNumbers."""
        pixels = torch.from_numpy(face.copy()).permute(2, 0, 1)[None].to(self.device, torch.float32) / 127.5 - 1
        with interruptible(self.network, pause):
            drawn = self.draw(pixels, weight)[0].clamp(-1, 1)
        if not drawn.isfinite().all():
            raise NotNumbers(f"The face network {self.name} made not-a-number of a face.", "Download it again, or choose another one.", "faces")
        return ((drawn + 1) * 127.5).round().permute(1, 2, 0).to("cpu", torch.uint8).numpy()


def load(path: Path, device: str, name: str = "") -> Restorer:
    """path: a safetensors file. name: of the file that the user knows. Raises BadModelFile."""
    name = name or path.name
    weights = Weights([path], {**DTYPES, **INTEGERS})
    plain = catalog.plain(Header(dict.fromkeys(weights.shapes))).tensors  # type: ignore[arg-type]
    read = weights.read(weights.shapes)
    tensors = {short: read[full] for short, full in zip(plain, weights.shapes, strict=True)}
    network, draw, side = _codeformer(tensors, name) if "position_emb" in tensors else _gfpgan(tensors, name)
    network.to(device, torch.float32).eval().requires_grad_(False)
    return Restorer(network, draw, side, device, name)


def _codeformer(tensors: dict[str, Tensor], name: str) -> tuple[nn.Module, Draw, int]:
    try:
        network = CodeFormer({key: tuple(tensor.shape) for key, tensor in tensors.items()})
        network.load_state_dict(tensors)
    except (KeyError, IndexError, RuntimeError, ValueError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        raise BadModelFile(f"{name} is no CodeFormer network: {str(error).splitlines()[0][:200]}", "Take codeformer.pth.") from None
    return network, network, network.side


def _gfpgan(tensors: dict[str, Tensor], name: str) -> tuple[nn.Module, Draw, int]:
    found = recognised(tensors, name)
    if found.architecture.id != "GFPGAN":
        raise BadModelFile(f"{name} is no network that draws faces here ({found.architecture.name}).", "Take GFPGANv1.4.pth or codeformer.pth.")
    network = found.model

    def draw(face: Tensor, weight: float) -> Tensor:
        """With the noise that the file brings: drawn anew each time, no picture could be made twice."""
        return network(face, return_rgb=False, randomize_noise=False)[0]

    return network, draw, 2**network.log_size
