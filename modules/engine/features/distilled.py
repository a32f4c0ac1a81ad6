"""Guidance as an input of the network: of models that were distilled to know it (FLUX.1 dev; Meng et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modules.engine.feature import Feature
from modules.families.family import NetworkCall
from modules.sampling.step import Step


@dataclass(frozen=True)
class DistilledGuidance(Feature):
    """scale: as the user knows it, 3.5 for example. A network that does not ask for it leaves it aside."""

    scale: float

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        return call._replace(extra={**call.extra, "guidance": torch.full((len(call.x),), self.scale, device=call.x.device)})
