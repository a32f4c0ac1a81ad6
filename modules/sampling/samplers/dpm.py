"""Second-order single-step samplers: each step asks at its start and once more on the way (DPM2, DPM2 a, DPM++ 2S a, DPM++ SDE).

Sources: k-diffusion's DPM2, "inspired by DPM-Solver-2"; Lu et al. 2022a (DPM-Solver), 2022b (DPM-Solver++).
Below, t is -log sigma, which those papers call lambda.
"""

from __future__ import annotations

from torch import Tensor

from modules.sampling.samplers.levels import ancestral, churned, slope, steps_of
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling


def dpm2(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """The midpoint rule with the midpoint taken in log sigma, over Karras et al. 2022's churn; to 0 an Euler step. Order 2."""
    for index, sigma, sigma_next in steps_of(sigmas):
        x, sigma = churned(x, sigma, sigmas, noise, options)
        x = yield from _midpoint_step(x, sigma, sigma_next, index)
    return x


def dpm2_ancestral(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM2's step down to the ancestral level, then fresh noise."""
    for index, sigma, sigma_next in steps_of(sigmas):
        down, up = ancestral(sigma, sigma_next, options.eta)
        x = yield from _midpoint_step(x, sigma, down, index)
        if down > 0:
            x = x + noise() * (options.noise * up)
    return x


def _midpoint_step(x: Tensor, sigma: Tensor, sigma_next: Tensor, index: int) -> Sampling:
    answer = yield Ask(x, sigma, index)
    start, first = answer.x, slope(answer, sigma)
    if sigma_next == 0:
        return start + first * (sigma_next - sigma)
    middle = sigma.log().lerp(sigma_next.log(), 0.5).exp()
    answer = yield Ask(start + first * (middle - sigma), middle, index)
    return start + slope(answer, middle) * (sigma_next - sigma)


def dpmpp_2s_ancestral(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM-Solver++(2S) (Lu et al. 2022b, algorithm 1, r = 1/2) down to the ancestral level, then fresh noise. Order 2 with eta 0."""
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        start = answer.x
        down, up = ancestral(sigma, sigma_next, options.eta)
        if down == 0:
            x = start + slope(answer, sigma) * (down - sigma)
        else:
            t, t_next = -sigma.log(), -down.log()
            h = t_next - t
            middle = (-(t + h / 2)).exp()
            x = middle / (-t).exp() * start - (-h / 2).expm1() * answer.x0
            answer = yield Ask(x, middle, index)
            x = (-t_next).exp() / (-t).exp() * start - (-h).expm1() * answer.x0
        if sigma_next > 0:
            x = x + noise() * (options.noise * up)
    return x


def dpmpp_sde(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM-Solver++ for the SDE (Lu et al. 2022b, section 5), single-step with r = 1/2 as k-diffusion has it; noise from Brownian paths. Order 2 with eta 0.

    A step of length nought (a schedule may repeat a level) leaves x as it is: its Brownian increment would be 0/0.
    """
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        start, x0 = answer.x, answer.x0
        if sigma_next == 0:
            x = start + slope(answer, sigma) * (sigma_next - sigma)
            continue
        if sigma_next == sigma:
            continue
        # Levels are read back from t, as k-diffusion does: the Brownian path is asked at exactly these.
        t, t_next = -sigma.log(), -sigma_next.log()
        here, middle, end = (-t).exp(), (-(t + (t_next - t) * 0.5)).exp(), (-t_next).exp()

        down, up = ancestral(here, middle, options.eta)
        t_down = -down.log()
        x = (-t_down).exp() / here * start - (t - t_down).expm1() * x0
        x = x + noise.brownian(here, middle) * (options.noise * up)
        answer = yield Ask(x, middle, index)

        down, up = ancestral(here, end, options.eta)
        t_down = -down.log()
        x = (-t_down).exp() / here * start - (t - t_down).expm1() * answer.x0
        x = x + noise.brownian(here, end) * (options.noise * up)
    return x
