"""One denoiser call: conditioning at this call, the network, classifier-free guidance. Knows no feature and no sampler.

Parts of the prompt and the negative go through the network in one call where their lengths allow, else in two (parity rules 7.2, 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from modules.core.request import GenerationRequest
from modules.engine.conditioning import Conditioning, equal_lengths, padded
from modules.engine.feature import Feature
from modules.families.family import Cond, Family, Model, NetworkCall
from modules.sampling.guidance import combine, skips_uncond
from modules.sampling.parameterization import Table, c_in, x0_from
from modules.sampling.step import Denoise, Denoised, Step


def guided(family: Family, model: Model, table: Table, texts: Conditioning, request: GenerationRequest, features: Sequence[Feature]) -> Denoise:
    """-> the guided denoiser of one model in one stage. features: those that extend its network's calls."""

    def network(x: Tensor, sigma: Tensor, conds: list[Cond], step: Step) -> Tensor:
        """x0 of each cond for each picture: x [B, C, H, W], N conds -> [B * N, C, H, W], picture by picture."""
        rows = x.repeat_interleave(len(conds), dim=0)
        time = table.to_t(sigma, request.spacing.quantize)
        call = NetworkCall(
            x=(rows * c_in(sigma)).to(model.dtype),
            timesteps=time.to(model.device).expand(len(rows)),
            context=torch.stack([cond.context for cond in conds]).repeat(len(x), 1, 1).to(model.device, model.dtype),
            extra=_stacked(conds, len(x), model),
        )
        for feature in features:
            call = feature.extend(call, step)
        out = family.predict(model, call).to(x.dtype)
        return x0_from(model.prediction, out, rows, sigma)

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        weighted, negative = texts.at(step.call)
        weights = [weight for weight, _ in weighted]
        contexts = equal_lengths([cond.context for _, cond in weighted])
        conds = [Cond(context, cond.extra) for context, (_, cond) in zip(contexts, weighted, strict=True)]
        count = len(conds)
        if texts.empty is not None:
            length = max(len(conds[0].context), len(negative.context))
            conds = [Cond(padded(cond.context, texts.empty.context, length), cond.extra) for cond in conds]
            negative = Cond(padded(negative.context, texts.empty.context, length), negative.extra)
        if skips_uncond(request.guidance, step, float(sigma)):
            x0s = network(x, sigma, conds, step)
            uncond = x0s[::count]
            scale = 1.0
        else:
            scale = request.cfg_scale
            if len(negative.context) == len(conds[0].context):
                both = network(x, sigma, [*conds, negative], step).unflatten(0, (len(x), count + 1))
                x0s, uncond = both[:, :count].flatten(0, 1), both[:, count]
            else:
                x0s, uncond = network(x, sigma, conds, step), network(x, sigma, [negative], step)
        return Denoised(combine([x0s[part::count] for part in range(count)], weights, uncond, scale), uncond, x)

    return denoise


def wrapped(denoise: Denoise, features: Sequence[Feature]) -> Denoise:
    """By the features in order; the last one is the outermost."""
    for feature in features:
        denoise = feature.wrap(denoise)
    return denoise


def _stacked(conds: list[Cond], pictures: int, model: Model) -> dict[str, Tensor]:
    return {key: torch.stack([cond.extra[key] for cond in conds]).repeat(pictures, *[1] * conds[0].extra[key].dim()).to(model.device) for key in conds[0].extra}
