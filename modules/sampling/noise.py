"""All noise of a batch of pictures, one stream for each, so that a picture is the same alone, in a batch and on every run.

A1111's rules (first noise, variation seed, seed resize, eta noise seed delta). Knows no sampler, and draws nothing from torch's global generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from modules.core.request import NoiseSource
from modules.sampling.brownian import BrownianPath
from modules.sampling.philox import Philox

Shape = tuple[int, int, int]
"""(C, H, W) of one picture's latents."""

PIXELS = 8
"""Pixels of a picture's side per latent, by which seed resize counts."""
NEARLY_PARALLEL = 0.9995
PINNING = ("cuda",)
"""Devices that fetch from pinned memory while the host goes on."""


class Stream(Protocol):
    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """The next draw, standard normal, float32, wherever the source lives."""


class TorchStream:
    """torch's own generator on a device; on the CPU the same on every machine."""

    def __init__(self, seed: int, device: str) -> None:
        self._generator = torch.Generator(device).manual_seed(seed % 2**64)
        self._device = device

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._device, dtype=torch.float32)


class PhiloxStream:
    """What torch's generator draws on an NVIDIA card, computed with numpy."""

    def __init__(self, seed: int) -> None:
        self._philox = Philox(seed)

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._philox.normal(shape))


def stream(seed: int, source: NoiseSource, device: str) -> Stream:
    """A fresh stream. seed: any int; taken modulo 2^64."""
    if source == "NV":
        return PhiloxStream(seed)
    return TorchStream(seed, device if source == "GPU" else "cpu")


class SeedVariation(NamedTuple):
    """seeds: a second one for each picture, of which `strength` (0 to 1) is mixed in. resize: (width, height) in pixels of the picture whose
    composition is kept; a 0 switches that off."""

    seeds: Sequence[int]
    strength: float = 0.0
    resize: tuple[int, int] = (0, 0)


class PictureNoise:
    """Implements `sampling.step.Noise` for a batch.

    seeds: one for each picture. shape: (C, H, W) of one. source: CPU, GPU (the compute device's own generator) or NV. device: where the draws are wanted.
    ensd: added to the seeds once the first noise is drawn. sigma_range: (smallest positive, largest) noise level of the whole schedule, the ends of
    the Brownian paths (an img2img cut does not shorten them). The subseed and ensd do not reach those.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Shape,
        source: NoiseSource = "CPU",
        device: str | torch.device = "cpu",
        variation: SeedVariation | tuple[Sequence[int], float, tuple[int, int]] | None = None,
        ensd: int = 0,
        sigma_range: tuple[float, float] = (0.0292, 14.6146),
    ) -> None:
        self._seeds, self._shape, self._source, self._device = list(seeds), shape, source, str(device)
        self._variation = SeedVariation(*variation) if variation is not None else SeedVariation(list(seeds))
        self._ensd, self._range = ensd, sigma_range
        self._streams: list[Stream] = []
        self._paths: list[BrownianPath] = []

    def first(self) -> Tensor:
        """The initial noise, [B, C, H, W]. Starts every stream anew."""
        self._streams = [self._stream(seed) for seed in self._seeds]
        start = torch.stack([self._start(index) for index in range(len(self._seeds))])
        if self._ensd:
            self._streams = [self._stream(seed + self._ensd) for seed in self._seeds]
        return sent(start, self._device)

    def __call__(self) -> Tensor:
        """The next draw from every picture's own stream, [B, C, H, W]; the first noise when nothing was drawn yet."""
        if not self._streams:
            return self.first()
        return sent(torch.stack([own.draw(self._shape) for own in self._streams]), self._device)

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Minus the path's increment from sigma_next up to sigma, over the root of the distance: the path is walked downwards. [B, C, H, W]."""
        if not self._paths:
            low, high = self._range
            self._paths = [BrownianPath(seed, low, high, self._drawn_from) for seed in self._seeds]
        low, high = sorted((float(sigma), float(sigma_next)))
        sign = -1 if float(sigma) > float(sigma_next) else 1
        walked = torch.stack([path.increment(low, high) for path in self._paths]) * sign
        return sent(walked, self._device) / (sigma_next - sigma).abs().sqrt()

    def _stream(self, seed: int) -> Stream:
        return stream(seed, self._source, self._device)

    def _drawn_from(self, seed: int) -> Tensor:
        return self._stream(seed).draw(self._shape)

    def _start(self, index: int) -> Tensor:
        """One picture's first noise; moves its own stream on by one draw."""
        seed, (subseeds, strength, (width, height)) = self._seeds[index], self._variation
        resized = (self._shape[0], height // PIXELS, width // PIXELS)
        if width <= 0 or height <= 0 or resized == self._shape:
            start = self._streams[index].draw(self._shape)
            return slerp(strength, start, self._stream(subseeds[index]).draw(self._shape)) if strength else start
        start = self._stream(seed).draw(resized)
        if strength:
            start = slerp(strength, start, self._stream(subseeds[index]).draw(resized))
        return pasted(start, self._streams[index].draw(self._shape))


def sent(drawn: Tensor, device: str) -> Tensor:
    """Where it is wanted. What the host drew goes to a GPU through pinned memory: from any other, the host would wait for all that is queued there."""
    if drawn.device.type == "cpu" and device.split(":")[0] in PINNING:
        return drawn.pin_memory().to(device, non_blocking=True)
    return drawn.to(device)


def slerp(share: float, start: Tensor, end: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985) along dim 1 of two [C, H, W] tensors: one angle per channel and column, as A1111 has it.

    Nearly parallel ones are mixed straight, with A1111's swapped weights. A single column that is parallel has no arc to go along: it is mixed straight, too.
    """
    cosine = (start / start.norm(dim=1, keepdim=True) * (end / end.norm(dim=1, keepdim=True))).sum(1)
    if cosine.mean() > NEARLY_PARALLEL:
        return start * share + end * (1 - share)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    arc = sine > 1e-6
    sine = torch.where(arc, sine, 1.0)
    of_start = torch.where(arc, ((1 - share) * angle).sin() / sine, 1 - share)
    of_end = torch.where(arc, (share * angle).sin() / sine, share)
    return of_start.unsqueeze(1) * start + of_end.unsqueeze(1) * end


def pasted(small: Tensor, large: Tensor) -> Tensor:
    """`small` [C, h, w] laid centred over `large` [C, H, W]; of a larger one its centre is seen. Odd differences round down, negative ones too."""
    result = large.clone()
    (_, h, w), (_, height, width) = small.shape, large.shape
    dy, dx = (height - h) // 2, (width - w) // 2
    rows, columns = min(h, height), min(w, width)
    top, left = max(dy, 0), max(dx, 0)
    result[:, top : top + rows, left : left + columns] = small[:, max(-dy, 0) : max(-dy, 0) + rows, max(-dx, 0) : max(-dx, 0) + columns]
    return result
