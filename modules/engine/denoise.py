"""One denoiser call: conditioning at this call, the network, classifier-free guidance. Knows no feature and no sampler.

Parts of the prompt and the negative go through the network in one call where their lengths allow, else in two (parity rules 7.2, 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from modules.core.request import GenerationRequest
from modules.engine.conditioning import Conditioning, Span, fitted
from modules.engine.feature import Feature
from modules.families.family import Cond, Family, Model, NetworkCall
from modules.sampling.guidance import combine, guide, may_skip, skips_uncond, unguided
from modules.sampling.parameterization import Table, x0_from
from modules.sampling.step import Denoise, Denoised, Step


class Batch(NamedTuple):
    """Texts that go through the network together, once for each picture: context [B * N, T, D] and extra on the model's device, picture by picture.
    negative: which of these rows are the negative prompt's. blind: which of them know nothing of a picture that is edited, either."""

    texts: int
    context: Tensor
    extra: dict[str, Tensor]
    negative: tuple[bool, ...]
    blind: tuple[bool, ...]


def guided(family: Family, model: Model, table: Table, texts: Conditioning, request: GenerationRequest, features: Sequence[Feature]) -> Denoise:
    """-> the guided denoiser of one model in one stage. features: those that extend its network's calls."""

    quantize = request.spacing.quantize
    guiding, plain = guide(texts.weights, request.cfg_scale, picture_scale(request, model)), unguided(texts.weights)
    bending = [feature for feature in features if type(feature).extend is not Feature.extend]  # the others would only hand the call back
    distilled, skipping = "cfg_scale" in model.record.lacks, may_skip(request.guidance)
    moments = table.moments(model.device)

    @lru_cache(maxsize=4)  # most texts act for many calls in a row; a negative that every second call skips comes back
    def batches(span: Span, skips: bool, pictures: int) -> list[Batch]:
        """Parts and negative in one call where their lengths allow, else in two; the negative last."""
        conds, negative = fitted(span, texts.empty)
        if skips:
            return [_batch(conds, pictures, model)]
        against = (negative,) * guiding.against
        if request.guidance.apart:
            return [*(_batch((cond,), pictures, model) for cond in conds), _batch(against, pictures, model, len(against))]
        if len(negative.context) == len(conds[0].context):
            return [_batch((*conds, *against), pictures, model, len(against))]
        return [_batch(conds, pictures, model), _batch(against, pictures, model, len(against))]

    def network(x: Tensor, sigma: Tensor, said: Batch, step: Step) -> Sequence[Tensor]:
        """x0 of each of the texts, as x is: [B, C, H, W]."""
        time, scales = table.at(sigma, quantize)
        rows = _as(_repeated(x, said.texts) * scales.c_in, model.dtype)
        if time not in moments:
            moments[time] = torch.full((), time, device=model.device)  # made where it is wanted: to copy it there, the host would wait for the device
        call = NetworkCall(rows, moments[time].expand(rows.shape[0]), said.context, said.extra, negative=said.negative, blind=said.blind)
        for feature in bending:
            call = feature.extend(call, step)
        out = _as(family.predict(model, call), x.dtype)
        return _by_text(x0_from(model.prediction, out, _beside(x, out), scales), said.texts)

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        skips = distilled or skipping and skips_uncond(request.guidance, step, sigma)
        answers = [x0 for said in batches(texts.at(step.call), skips, x.shape[0]) for x0 in network(x, sigma, said, step)]
        guided = plain if skips else guiding
        return Denoised(combine(answers, guided), answers[guided.start], x)

    return denoise


def picture_scale(request: GenerationRequest, model: Model) -> float | None:
    """How strongly the picture that is edited guides; None where the model edits none."""
    return request.init.image_cfg if model.card.variant == "pix2pix" else None


def wrapped(denoise: Denoise, features: Sequence[Feature]) -> Denoise:
    """By the features in order; the last one is the outermost."""
    for feature in features:
        denoise = feature.wrap(denoise)
    return denoise


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Asked for its type first: between two calls of a network nothing is in the processor's caches, and even a `to` that changes nothing takes 20 us."""
    return tensor if tensor.dtype is dtype else tensor.to(dtype)


def _repeated(x: Tensor, times: int) -> Tensor:
    """[B, C, H, W] -> [B * times, C, H, W], picture by picture."""
    return x.expand(times, -1, -1, -1) if x.shape[0] == 1 else x.repeat_interleave(times, dim=0)


def _beside(x: Tensor, rows: Tensor) -> Tensor:
    """[B, C, H, W] for arithmetic with the rows of a call; that of one picture serves all of them as it is."""
    return x if x.shape[0] == 1 else _repeated(x, rows.shape[0] // x.shape[0])


def _by_text(rows: Tensor, texts: int) -> Sequence[Tensor]:
    """[B * N, C, H, W], picture by picture -> N times [B, C, H, W]."""
    return rows.chunk(texts) if rows.shape[0] == texts else rows.view(-1, texts, *rows.shape[1:]).unbind(1)


def _batch(conds: Sequence[Cond], pictures: int, model: Model, negatives: int = 0) -> Batch:
    def stacked(tensors: list[Tensor]) -> Tensor:
        return torch.stack(tensors).repeat(pictures, *[1] * tensors[0].dim()).to(model.device)

    extra = {key: stacked([cond.extra[key] for cond in conds]) for key in conds[0].extra}
    negative = ((False,) * (len(conds) - negatives) + (True,) * negatives) * pictures
    blind = ((False,) * (len(conds) - 1) + (True,)) * pictures if negatives > 1 else ()
    return Batch(len(conds), stacked([cond.context for cond in conds]).to(model.dtype), extra, negative, blind)
