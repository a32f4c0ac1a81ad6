"""Samplers for models that were distilled to few steps: LCM (Luo et al. 2023, "Latent consistency models")."""

from __future__ import annotations

from torch import Tensor

from modules.sampling.parameterization import c_in
from modules.sampling.samplers.levels import slope, steps_of, table_of
from modules.sampling.schedules import table_for
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling

DATA_VARIANCE = 0.25
TIMESTEP_SCALE = 10


def lcm(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Multistep consistency sampling (algorithm 3): leap to x0, then add noise for the next level. One call a step.

    The model was distilled on every 20th timestep (19, 39 ... 999), so between those levels the network is asked at the nearest of them: with the same
    scaled input, hence with x rescaled. The boundary scalings c_skip and c_out (equation 9) go by the timestep's place in that list of 50, as A1111 has it.
    """
    distilled = table_for("LCM", table_of(options))
    for index, sigma, sigma_next in steps_of(sigmas):
        place = distilled.to_t(sigma, quantize=True)
        near = distilled.sigmas[int(place)].to(sigma.dtype)
        rescale = c_in(sigma) / c_in(near)
        answer = yield Ask(x * rescale, near, index)
        x = answer.x / rescale
        predicted = x - slope(answer, near) * sigma
        s = TIMESTEP_SCALE * (20 * place + 19)
        c_skip, c_out = DATA_VARIANCE / (s**2 + DATA_VARIANCE), s / (s**2 + DATA_VARIANCE) ** 0.5
        x = predicted * c_out + x * c_skip
        if sigma_next > 0:
            x = x + noise() * sigma_next
    return x
