"""Networks that make pictures larger (ESRGAN, Real-ESRGAN, SwinIR, DAT and what else spandrel knows): a file -> a module, and a picture through it in tiles.

Knows no request and no folder. Architecture and factor come from the file's own tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules.catalog import upscalers as catalog
from modules.catalog.header import Header
from modules.core.errors import BadModelFile, NotNumbers, Unsupported
from modules.imaging import patches
from modules.memory.device import is_out_of_memory
from modules.networks.architectures import recognised
from modules.networks.weights import DTYPES, INTEGERS, Weights

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels of a network -> the pictures that it takes."""
LARGEST_SCALE = 16
WINDOW = 16
"""Pixels: SwinIR's windows have 8, HAT's 16."""

Pause = Callable[[], None]
"""Called between two layers; what it raises ends the work there."""


@dataclass(frozen=True)
class Upscaler:
    """name: of the file. network: spandrel's descriptor, ready to run. scale: how many times larger its pictures are; 1 for one that only restores."""

    name: str
    network: Any
    scale: int
    device: str
    dtype: torch.dtype

    @property
    def mode(self) -> str:
        return MODES[self.network.input_channels]

    @property
    def grid(self) -> int:
        """Pixels of the grid on which pieces begin: a multiple of the windows that most networks see in, so that pieces have the windows of the whole."""
        return math.lcm(WINDOW, self.network.size_requirements.multiple_of)

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return sum(tensor.nbytes for tensor in self.network.model.parameters())

    def enlarge(
        self,
        image: Image.Image,
        tile: int = 0,
        overlap: int = 0,
        done: Callable[[int, int], None] = lambda pieces, of: None,
        pause: Pause = lambda: None,
    ) -> Image.Image:
        """The picture `scale` times larger, in its own mode where that has colours. Transparency is enlarged apart, by Lanczos.
        tile, overlap: pixels of the small picture; 0: all at once. done(pieces, of), pause: see `imaging.patches` and `Pause`.
        Raises BadModelFile, NotNumbers."""
        alpha = image.getchannel("A") if image.mode == "RGBA" and self.mode != "RGBA" else None
        picture = np.asarray(image.convert(self.mode))
        picture = picture[..., None] if picture.ndim == 2 else picture
        with interruptible(self.network.model, pause):
            large = patches.enlarged(picture, self.scale, self._enlarge, tile, overlap, self.grid, done)
        result = Image.fromarray(large[..., 0] if large.shape[2] == 1 else large).convert("RGB" if image.mode in ("L", "P", "1") else image.mode)
        if alpha is not None:
            result.putalpha(alpha.resize(result.size, Image.Resampling.LANCZOS))
        return result

    def _enlarge(self, piece: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(piece).permute(2, 0, 1)[None].to(self.device, self.dtype)
        try:
            made: np.ndarray = self.network(pixels)[0].permute(1, 2, 0).float().cpu().numpy()
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            if is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise BadModelFile(
                f"{self.name} failed on {piece.shape[1]} x {piece.shape[0]} pixels: {reason}", "Choose another upscaler or tile size."
            ) from error
        if not np.isfinite(made).all():
            raise NotNumbers(f"The upscaler {self.name} made not-a-number of a picture.", "Choose another upscaler, or download this one again.")
        return made


def load(path: Path, device: str, dtype: torch.dtype, name: str = "") -> Upscaler:
    """path: a safetensors file (of a pickle: what `networks.pickles` made of it). dtype: used where the architecture takes it, else fp32.
    name: of the file that the user knows. Raises BadModelFile, Unsupported."""
    name = name or path.name
    weights = Weights([path], {**DTYPES, **INTEGERS})
    names = catalog.plain(Header(dict.fromkeys(weights.shapes))).tensors  # type: ignore[arg-type]
    read = weights.read(weights.shapes)
    network = recognised({plain: read[name] for plain, name in zip(names, weights.shapes, strict=True)}, name)
    if network.input_channels not in MODES or network.output_channels != network.input_channels or not 1 <= network.scale <= LARGEST_SCALE:
        what = f"{name} turns {network.input_channels} channels into {network.output_channels}, {network.scale} times larger."
        raise Unsupported(what, "Choose an upscaler for pictures.")
    if network.purpose == "FaceSR":
        raise BadModelFile(f"{name} restores faces; it does not enlarge.", "Put it into models/GFPGAN.")
    half = {torch.float16: network.supports_half, torch.bfloat16: network.supports_bfloat16}
    chosen = dtype if half.get(dtype, True) else torch.float32
    network.to(device=device, dtype=chosen).eval()
    network.model.requires_grad_(False)
    return Upscaler(name, network, network.scale, device, chosen)


@contextmanager
def interruptible(model: torch.nn.Module, pause: Pause) -> Iterator[None]:
    """Inside, `pause` is called before every layer of the network."""
    hooks = [module.register_forward_pre_hook(lambda *_: pause()) for module in model.modules() if not list(module.children())]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
