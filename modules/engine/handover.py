"""One denoiser takes over from another inside a running sampler, which notices nothing: its history, sigmas and noise go on (the refiner).

Rule: the project's notes on A1111. It is looked at before every denoiser call, by how far the noise has come down, or by the calls made.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from modules.core.groups.passes import Refiner
from modules.sampling.parameterization import Table
from modules.sampling.step import Denoise, Denoised, Step

Due = Callable[[Tensor, Step], bool]
"""(sigma, step) -> whether it is time."""


def due(refiner: Refiner, table: Table) -> Due:
    """table: of the model that the sampler's levels come from. The nearest whole timestep counts, of 1000 downwards from 999."""

    def by_noise(sigma: Tensor, step: Step) -> bool:
        return (len(table) - 1 - int(table.to_t(sigma, quantize=True))) / len(table) >= refiner.switch_at

    def by_steps(sigma: Tensor, step: Step) -> bool:
        return step.call / max(step.calls, 1) >= refiner.switch_at

    return by_steps if refiner.by_steps else by_noise


def handing_over(first: Denoise, is_due: Due, second: Callable[[], Denoise]) -> Denoise:
    """second: called once, when it is time. Nothing of the first is held any more by then, so that its model can leave the memory."""
    acting, waiting = [first], [second]

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        if waiting and is_due(sigma, step):
            acting.clear()
            acting.append(waiting.pop()())
        return acting[0](x, sigma, step)

    return denoise
