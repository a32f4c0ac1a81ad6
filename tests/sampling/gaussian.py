"""A model that is known exactly: data that are normally distributed, for which the best denoiser and the ODE's solution are closed formulas.

For data N(mean, std^2), elementwise: E[x0 | x] = mean + std^2 / (std^2 + sigma^2) (x - mean), and the probability-flow ODE keeps
(x - mean) / sqrt(std^2 + sigma^2) constant (Karras et al. 2022, appendix B.3, for one Gaussian).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from modules.sampling.samplers import SAMPLERS
from modules.sampling.step import Denoised, Noise, SamplerOptions, Step, drive

MODEL_RANGE = (0.029167, 14.614643)


@dataclass
class Gaussian:
    """calls: the steps of the denoiser calls so far. sigmas: their levels."""

    mean: float = 0.3
    std: float = 0.7
    calls: list[Step] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)

    def denoise(self, x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        assert sigma.ndim == 0 and sigma.device.type == "cpu"
        self.calls.append(step)
        self.sigmas.append(float(sigma))
        x0 = self.mean + (x - self.mean) * (self.std**2 / (self.std**2 + sigma**2))
        return Denoised(x0, x0, x)

    def flow(self, x: Tensor, start: float, end: float) -> Tensor:
        """The ODE's solution at noise level `end` that passes through x at `start`."""
        return self.mean + (x - self.mean) * ((self.std**2 + end**2) / (self.std**2 + start**2)) ** 0.5


class Quiet:
    """A noise that says how often it was asked, and draws zeros, or ones."""

    def __init__(self, like: Tensor, value: float = 0.0) -> None:
        self.drawn, self.value = 0, torch.full_like(like, value)
        self.asked: list[tuple[float, float]] = []

    def __call__(self) -> Tensor:
        self.drawn += 1
        return self.value

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        self.asked.append((float(sigma), float(sigma_next)))
        return self.value


def run(name: str, x: Tensor, sigmas: Tensor, model: Gaussian, options: SamplerOptions | None = None, noise: Noise | None = None) -> Tensor:
    """A sampler to its end. A schedule without options counts as a part of a longer one, so that DPM fast keeps to it."""
    options = options or SamplerOptions(eta=0.0, sigma_range=(0.0, 1e9))
    return drive(SAMPLERS[name](x, sigmas, noise or Quiet(x), options), model.denoise, Step())


def exponential(steps: int, high: float = 10.0, low: float = 0.1) -> Tensor:
    """steps + 1 levels, float64, evenly spaced in log sigma, none of them 0."""
    return torch.linspace(torch.tensor(high).log().item(), torch.tensor(low).log().item(), steps + 1, dtype=torch.float64).exp()


def convergence(name: str, counts: tuple[int, ...] = (16, 32, 64), options: SamplerOptions | None = None) -> float:
    """The measured order: how fast the error at the end falls as steps are halved, on an ODE whose solution is known."""
    model, start = Gaussian(), torch.linspace(-12, 12, 9, dtype=torch.float64).reshape(1, 1, 3, 3)
    errors = []
    for count in counts:
        sigmas = exponential(count)
        own = replace(options, steps=count) if options else None
        end = model.flow(start, float(sigmas[0]), float(sigmas[-1]))
        errors.append(float((run(name, start, sigmas, model, own) - end).abs().max()))
    return float(torch.tensor(errors[0] / errors[-1]).log2() / torch.tensor(counts[-1] / counts[0]).log2())
