"""The control units of one run: their networks loaded, their maps made, and what of them acts in which stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.errors import Unsupported
from modules.core.request import GenerationRequest
from modules.engine.control_files import NETS, Shelf, Unit, units_of
from modules.engine.control_maps import frame_of, hint
from modules.engine.feature import Feature
from modules.engine.features.control import AdapterControl, Control
from modules.engine.plan import Stage
from modules.engine.relay import Relay
from modules.engine.warm import Warm
from modules.families.family import Model
from modules.imaging.control import Frame
from modules.networks import controlnet, t2i_adapter

BUDGET = 4 * 2**30
"""Bytes of control networks that stay warm: one of Stable Diffusion 1.x has 0.7 GB in half precision, one of SDXL 2.5."""


@dataclass
class Controls:
    """request: resolved. networks: where loaded ones stay warm."""

    request: GenerationRequest
    shelf: Shelf
    networks: Warm
    blobs: Blobs
    _maps: dict[tuple[int, Frame, int, int], Tensor] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.units = tuple(units_of(self.request, self.shelf)) if self.request.control else ()

    def standing(self) -> list[Feature]:
        """What stands on a model's weights for the whole run."""
        return []

    def acting(self, relay: Relay, stage: Stage) -> list[Feature]:
        """What extends a stage's network calls. Raises NotFound for a picture that is not here, BadModelFile, Unsupported for a network of another family."""
        second = stage.first_pass is not None
        return [self._feature(unit, relay, stage) for unit in self.units if unit.card.kind in NETS and in_pass(unit, second, self.request.hires.enabled)]

    def _feature(self, unit: Unit, relay: Relay, stage: Stage) -> Feature:
        model = relay.acting.model
        guided: Mapping[str, Any] = model.parts["unet"].config if "unet" in model.parts else {}
        if not guided:
            raise Unsupported(f"{unit.card.name} cannot guide {relay.lead.name}: the checkpoint has no UNet.", "Leave the control unit out.", "control")
        how = f"control|{model.dtype}|{model.device}|{guided.get('block_out_channels')}|{guided.get('attention_head_dim')}"
        frame = frame_of(self.request, stage, model, self.blobs)
        if unit.card.kind == "t2i-adapter":
            adapter = self.networks.loaded(unit.card, lambda path: t2i_adapter.load(path, guided, model.dtype, model.device), how)
            shown = self._map(unit, frame, adapter.channels, adapter.fold, model)
            return AdapterControl(unit.wish, adapter, shown.to(model.device, model.dtype))
        network = self.networks.loaded(unit.card, lambda path: controlnet.load(path, guided, model.dtype, model.device), how)
        return Control(unit.wish, network, self._map(unit, frame, network.channels, 1, model))

    def _map(self, unit: Unit, frame: Frame, channels: int, fold: int, model: Model) -> Tensor:
        """Made once for all pictures of a run."""
        key = (unit.number, frame, channels, fold)
        if key not in self._maps:
            self._maps[key] = hint(unit.wish, self.request, frame, channels, fold, model, self.blobs)
        return self._maps[key]


def in_pass(unit: Unit, second: bool, hires: bool) -> bool:
    """Whether a unit acts in the first or the second pass; a picture of one pass has no other."""
    return not hires or unit.wish.hires == ("High res only" if second else "Low res only") or unit.wish.hires == "Both"
