"""What all trainings of a denoiser share: noise is put on latents, the network answers, and the answer is compared with the objective's target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modules.families.family import Family, Model, NetworkCall
from modules.training.material import Batch
from modules.training.objective import Objective
from modules.training.order import seed_of
from modules.training.texts import Texts


class Denoising:
    """module: what is trained of the model. dropout: share of captions that are left out, so that the model knows what is without a text (Ho & Salimans 2022)."""

    def __init__(self, module: nn.Module, rows: list[dict[str, Any]], family: Family, model: Model, objective: Objective, texts: Texts, dropout: float) -> None:
        self.module, self.rows = module, rows
        self.family, self.model, self.objective, self.texts, self.dropout = family, model, objective, texts, dropout

    def groups(self) -> list[dict[str, Any]]:
        return self.rows

    def losses(self, batch: Batch) -> Tensor:
        captions = ["" if self._dropped(draw.seed) else caption for caption, draw in zip(batch.captions, batch.draws, strict=True)]
        prediction, target, weights = self._answer(batch, captions)
        squared = (prediction.float() - target).square().flatten(1).mean(1)
        if self.texts.vectors:  # where every caption was dropped, nothing of the word is in the loss
            squared = squared + empty(self.module).to(squared.device)
        return squared * (weights * batch.weights).to(squared.device)

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        prediction, target, _ = self._answer(batch, batch.captions)
        return prediction.float(), target

    def _answer(self, batch: Batch, captions: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        model = self.model
        noised = self.objective.noised(batch.x, batch.draws)
        context, extra = self.texts.encode(captions, batch.size)
        there = {name: tensor.to(model.device) for name, tensor in extra.items()}
        call = NetworkCall(noised.x.to(model.device, model.dtype), noised.timesteps.to(model.device), context.to(model.device, model.dtype), there)
        return self.family.predict(model, call), noised.target.to(model.device), noised.weights

    def _dropped(self, seed: int) -> bool:
        return seed_of(seed, "caption") % 2**32 < self.dropout * 2**32


def empty(module: nn.Module) -> Tensor:
    """Nothing, but with every weight of the module in it: what a step did not use has then a gradient of nought."""
    return sum((weight.sum() * 0.0 for weight in module.parameters()), torch.zeros(()))
