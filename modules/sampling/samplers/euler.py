"""Euler, Euler a and Heun: the ODE (or SDE) of Karras et al. 2022, "Elucidating the design space of diffusion-based generative models"."""

from __future__ import annotations

from torch import Tensor

from modules.sampling.samplers.levels import ancestral, churned, slope, steps_of, widths_of
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling


def euler(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Algorithm 2 with its first-order steps only. One call a step; order 1."""
    widths = widths_of(sigmas)
    for index, sigma, sigma_next in steps_of(sigmas):
        x, higher = churned(x, sigma, sigmas, noise, options)
        answer = yield Ask(x, higher, index)
        x = answer.x + slope(answer, higher) * (widths[index] if higher is sigma else sigma_next - higher)
    return x


def euler_ancestral(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Euler steps that go too far down and come back up with fresh noise: DDPM's variance (k-diffusion). One call a step."""
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        down, up = ancestral(sigma, sigma_next, options.eta)
        x = answer.x + slope(answer, sigma) * (down - sigma)
        if sigma_next > 0:
            x = x + noise() * (options.noise * up)
    return x


def heun(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Algorithm 2: an Euler step, corrected by the mean of the slopes at both ends. Two calls a step but for the last, down to 0; order 2."""
    for index, sigma, sigma_next in steps_of(sigmas):
        x, sigma = churned(x, sigma, sigmas, noise, options)
        x = yield from heun_step(x, sigma, sigma_next, index)
    return x


def heun_step(x: Tensor, sigma: Tensor, sigma_next: Tensor, index: int) -> Sampling:
    """One step of Algorithm 2, lines 7 to 11; to 0 it is an Euler step."""
    answer = yield Ask(x, sigma, index)
    start, first = answer.x, slope(answer, sigma)
    x = start + first * (sigma_next - sigma)
    if sigma_next == 0:
        return x
    answer = yield Ask(x, sigma_next, index)
    return start + (first + slope(answer, sigma_next)) / 2 * (sigma_next - sigma)
