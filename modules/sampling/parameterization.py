"""What a network predicts and at which noise level: alphas, sigmas, timesteps, and the way from a raw output to clean latents.

Two conventions meet here. Networks were trained "variance preserving": z = sqrt(a) x0 + sqrt(1-a) noise, a = alphas_cumprod[t] (Ho et al. 2020).
Samplers go by k-diffusion's x = x0 + sigma noise, so z = c_in x and sigma = sqrt((1-a)/a) (Karras et al. 2022, section 5 and appendix C.1).
Knows no network and no schedule type.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from modules.core.errors import InvalidRequest

Prediction = Literal["eps", "v", "x0", "flow"]

TERMINAL_ALPHA = 4.8973451890853435e-08
"""Stands for nought at the end of a zero-terminal-SNR table, where sigma would be infinite; makes sigma_max 4518.76."""


def scaled_linear(beta_start: float = 0.00085, beta_end: float = 0.012, steps: int = 1000) -> Tensor:
    """alphas_cumprod [steps] float32 of Stable Diffusion: betas evenly spaced in their square roots (Rombach et al. 2022)."""
    return _cumulated(torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2)


def linear(beta_start: float = 0.0001, beta_end: float = 0.02, steps: int = 1000) -> Tensor:
    """alphas_cumprod [steps] float32 of DDPM: betas evenly spaced (Ho et al. 2020)."""
    return _cumulated(torch.linspace(beta_start, beta_end, steps, dtype=torch.float64))


def _cumulated(betas: Tensor) -> Tensor:
    return torch.cumprod(1 - betas, 0).float()


def zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Shifted and scaled so that the last step is all noise (Lin et al. 2024, algorithm 1). Keeps the dtype."""
    root = alphas_cumprod.sqrt()
    rescaled = ((root - root[-1]) * (root[0] / (root[0] - root[-1]))) ** 2
    rescaled[-1] = TERMINAL_ALPHA
    return rescaled


def downcast(alphas_cumprod: Tensor) -> Tensor:
    """In float16, as A1111 before 1.7 had it with half precision. `Table` then computes in float16, too."""
    return alphas_cumprod.half()


class Scales(NamedTuple):
    """What stands around a network at one noise level `sigma`, a scalar or [B, 1, 1, 1]. c_in: by what x is multiplied before the network sees it.
    variance: of x. share: sigma in units of its root."""

    sigma: Tensor
    c_in: Tensor
    variance: Tensor
    share: Tensor


class Table:
    """The noise levels of a model, one for each timestep it was trained on, and the two ways between timestep and sigma.

    alphas_cumprod: [n] float32 on the CPU (float16 from `downcast`: then sigmas and their logarithms are rounded to float16).
    sigmas: [n] ascending, float32, on the CPU. Timesteps run from 0 to n-1 and may be fractional.
    """

    def __init__(self, alphas_cumprod: Tensor) -> None:
        alphas = alphas_cumprod.detach().cpu()
        sigmas = ((1 - alphas) / alphas) ** 0.5
        if not sigmas.isfinite().all():  # float16 overflows at the top of a zero-terminal-SNR table, where A1111 gets infinities
            exact = alphas.float()
            sigmas = torch.where(sigmas.isfinite(), sigmas.float(), ((1 - exact) / exact) ** 0.5)
        self.alphas_cumprod = alphas.float()
        self.sigmas = sigmas.float()
        self.log_sigmas = sigmas.log().float()
        self._known: dict[tuple[float, bool], tuple[float, Scales]] = {}

    def __len__(self) -> int:
        return len(self.sigmas)

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def to_sigma(self, t: Tensor | float) -> Tensor:
        """Timesteps, any shape, clamped to the table -> sigmas, float32: linear between neighbours in log sigma."""
        t = torch.as_tensor(t, dtype=torch.float32, device="cpu").clamp(0, len(self) - 1)
        low = t.floor().long()
        share = t - low
        return ((1 - share) * self.log_sigmas[low] + share * self.log_sigmas[t.ceil().long()]).exp()

    def to_t(self, sigma: Tensor | float, quantize: bool = False) -> Tensor:
        """Sigmas, any shape -> timesteps, float32, clamped to the table: the inverse of `to_sigma`, fractional.

        quantize: the nearest whole timestep in log sigma instead.
        """
        log_sigma = torch.as_tensor(sigma, dtype=torch.float32, device="cpu").log()
        if quantize:
            return (log_sigma[..., None] - self.log_sigmas).abs().argmin(-1).float()
        low = (torch.searchsorted(self.log_sigmas, log_sigma.contiguous(), right=True) - 1).clamp(0, len(self) - 2)
        below, above = self.log_sigmas[low], self.log_sigmas[low + 1]
        share = torch.where(above > below, (log_sigma - below) / (above - below), 0.0).clamp(0, 1)
        return (1 - share) * low + share * (low + 1)

    def at(self, sigma: Tensor, quantize: bool = False) -> tuple[float, Scales]:
        """(timestep, scales) of one level, a scalar on the CPU; each is worked out once."""
        key = float(sigma), quantize
        if key not in self._known:
            self._known[key] = float(self.to_t(sigma, quantize)), scales(sigma)
        return self._known[key]

    def learn(self, sigmas: Tensor, quantize: bool = False) -> None:
        """Works out levels [n] ahead. Between two calls of a network nothing is in the processor's caches, and the same work takes many times as long."""
        for sigma in sigmas.detach().cpu().unbind():
            self.at(sigma, quantize)

    def moments(self, device: str | torch.device) -> dict[float, Tensor]:
        """The timesteps of the levels worked out so far, as scalars on a device, brought there at once: to make one for each call takes a tenth of what a step
        costs outside of the network, and on a GPU a kernel of its own."""
        known = sorted({timestep for timestep, _ in self._known.values()})
        return dict(zip(known, torch.tensor(known, device=device).unbind(), strict=True))


def table_of(alphas_cumprod: Tensor, noise_schedule: str = "Default", downcast_alphas: bool = False) -> Table:
    """The table that a request's `spacing.noise_schedule` and `spacing.downcast_alphas` make of a model's own alphas. Raises InvalidRequest."""
    if noise_schedule not in ("Default", "Zero Terminal SNR"):
        raise InvalidRequest(f"There is no noise schedule {noise_schedule[:80]!r}.", "Give Default or Zero Terminal SNR.", "spacing.noise_schedule")
    alphas = downcast(alphas_cumprod) if downcast_alphas else alphas_cumprod
    return Table(zero_terminal_snr(alphas) if noise_schedule == "Zero Terminal SNR" else alphas)


def scales(sigma: Tensor) -> Scales:
    total = sigma**2 + 1
    root = total.sqrt()
    return Scales(sigma, 1 / root, total, sigma / root)


def c_in(sigma: Tensor) -> Tensor:
    """By what x is multiplied before the network sees it."""
    return scales(sigma).c_in


def x0_from(prediction: Prediction, out: Tensor, x: Tensor, scales: Scales) -> Tensor:
    """The network's raw output -> clean latents. x, out: [B, C, H, W], x unscaled.

    eps: the noise itself. v: Salimans & Ho 2022, appendix D. x0: the clean latents. flow: the velocity, noise - x0 (`sampling.flow`).
    """
    if prediction == "eps":
        return x - out * scales.sigma
    if prediction == "v":
        return x / scales.variance - out * scales.share
    if prediction == "flow":
        return x * scales.c_in - out * scales.share
    return out
