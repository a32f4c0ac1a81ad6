"""A batch's noise from torch generators that the caller owns, as diffusers' pipelines have them. Knows no pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from modules.core.request import NoiseSource
from modules.sampling.noise import PictureNoise

Generators = torch.Generator | Sequence[torch.Generator] | None


class GeneratorNoise:
    """Implements `sampling.step.Noise`. like: [B, C, H, W], whose shape and device the draws get. generators: one for each picture, one for all, or
    None for torch's global one. sigma_range: as in `PictureNoise`.

    Brownian paths grow from the generators' seeds; of a single one, each picture takes the next number.
    """

    def __init__(self, like: Tensor, generators: Generators, sigma_range: tuple[float, float]) -> None:
        count = len(like)
        self._like, self._range = like, sigma_range
        self._own: list[torch.Generator | None] = [generators] if generators is None or isinstance(generators, torch.Generator) else list(generators)
        self._shape = (count // len(self._own), *like.shape[1:])
        self._paths: PictureNoise | None = None

    def __call__(self) -> Tensor:
        drawn = [torch.randn(self._shape, generator=own, device=own.device if own else self._like.device, dtype=torch.float32) for own in self._own]
        return torch.cat(drawn).to(self._like.device)

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        if self._paths is None:
            first = self._own[0]
            starts = [own.initial_seed() if own else int(torch.randint(2**62, ())) for own in self._own]
            seeds = [start + index for start in starts for index in range(self._shape[0])]
            height, width = self._like.shape[2:]
            source: NoiseSource = "GPU" if first is not None and first.device.type != "cpu" else "CPU"
            self._paths = PictureNoise(seeds, (self._like.shape[1], height, width), source, self._like.device, sigma_range=self._range)
        return self._paths.brownian(sigma, sigma_next)
