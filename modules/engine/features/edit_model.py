"""What a model that edits pictures by instruction sees beside the latents: the picture itself (InstructPix2Pix: Brooks et al. 2022, section 3.2).

Rule: A1111's. The picture's latents are not scaled, and rows that are to know nothing of it see zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.core.errors import Unsupported
from modules.engine.feature import Feature
from modules.engine.features.once import Once
from modules.engine.relay import Relay
from modules.families.family import NetworkCall
from modules.sampling.step import Step

CHANNELS = 4


@dataclass(frozen=True)
class EditChannels(Feature):
    """beside: [1 or B, 4, h, w]: latents of the picture."""

    beside: Tensor
    _once: Once = field(default_factory=Once, init=False, repr=False, compare=False)

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        x = call.x
        return call._replace(beside=self._once((len(x), call.blind, x.device, x.dtype), lambda: self._rows(call).to(x.device, x.dtype)))

    def _rows(self, call: NetworkCall) -> Tensor:
        """A picture's rows stand side by side, one for each conditioning."""
        beside = self.beside.repeat_interleave(len(call.x) // len(self.beside), dim=0)
        return beside * (1 - torch.tensor(call.blind, dtype=beside.dtype)).view(-1, 1, 1, 1) if any(call.blind) else beside


def shown(relay: Relay, pixels: Tensor) -> tuple[EditChannels, ...]:
    """pixels: [B, 3, H, W] in -1..1, as the start picture is encoded."""
    acting = relay.acting
    return (EditChannels(acting.family.encode_image(replace(acting.model, scale=1.0), pixels)),)


def no_picture(name: str) -> Unsupported:
    return Unsupported(f"{name} edits a picture by instruction, and there is none.", "Work on a picture in img2img, or choose another checkpoint.", "model")


def resized(channels: EditChannels, height: int, width: int) -> EditChannels:
    """For a start picture whose latents are resized: as those."""
    return EditChannels(interpolate(channels.beside, size=(height, width), mode="bilinear"))
