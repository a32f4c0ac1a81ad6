"""The control units of one run: their networks loaded, their maps made, and what of them acts in which stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.errors import NotNumbers, Unsupported
from modules.core.records.annotators import ANNOTATORS
from modules.core.records.control_types import union_number
from modules.core.request import GenerationRequest
from modules.engine import annotating, blame
from modules.engine.control_files import FIELD, NETS, Shelf, Unit, encoder_of, units_of
from modules.engine.control_maps import frame_of, hint, picture_of, plainly
from modules.engine.feature import Feature
from modules.engine.features.control import AdapterControl, Control
from modules.engine.features.image_prompt import ImagePrompts, Looking, Prompted
from modules.engine.features.joint_control import JointControl
from modules.engine.loras import spoken, suits
from modules.engine.plan import Stage
from modules.engine.relay import Relay
from modules.engine.warm import Warm
from modules.families.family import Model
from modules.families.joint import shift_of
from modules.imaging.annotators import at_resolution
from modules.imaging.control import Frame
from modules.memory import attention
from modules.networks import clip_vision, controlnet, controlnet_union, ip_adapter, joint_control, t2i_adapter
from modules.networks.controlnet import Guide
from modules.networks.ip_attention import cross_attentions

G = TypeVar("G", bound=Guide)

BUDGET = 4 * 2**30
"""Bytes of control networks that stay warm: one of Stable Diffusion 1.x has 0.7 GB in half precision, one of SDXL 2.5."""


@dataclass
class Controls:
    """request: resolved. networks: where loaded ones stay warm."""

    request: GenerationRequest
    shelf: Shelf
    networks: Warm
    blobs: Blobs
    _maps: dict[tuple[int, str, Frame, int, int], Tensor] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.units = tuple(units_of(self.request, self.shelf)) if self.request.control else ()
        self.pictures = [unit for unit in self.units if unit.card.kind == "ip-adapter"]
        self.prompts = ImagePrompts(self._prompted)
        self._context = 0

    def standing(self) -> list[Feature]:
        """What stands on a model's weights for the whole run."""
        return [self.prompts] if self.pictures else []

    def acting(self, relay: Relay, stage: Stage, one: GenerationRequest) -> list[Feature]:
        """What extends a stage's network calls. one: the request of the picture that is drawn; of a batch each may have its own start picture.
        Raises NotFound for a picture that is not here, BadModelFile, Unsupported for a network of another family."""
        second, two = stage.first_pass is not None, self.request.hires.enabled
        found = [self._feature(unit, relay, stage, one) for unit in self.units if unit.card.kind in NETS and in_pass(unit.wish, second, two)]
        return [*found, Looking(self.prompts, lambda wish: in_pass(wish, second, two))] if self.pictures else found

    @property
    def named(self) -> tuple[str, ...]:
        """Which files act, for people."""
        return tuple(f"control unit {unit.number} ({unit.card.name})" for unit in self.units)

    def broken(self) -> NotNumbers | None:
        """A unit whose network holds no numbers, as far as it is in memory; None where all do."""
        for unit in self.units:
            seers = (encoder_of(unit, self.shelf),) if unit.card.kind == "ip-adapter" else ()
            for card in (unit.card, *seers):
                if not blame.sound(self.networks.held(card)):
                    what = f"{card.name}, of control unit {unit.number}, holds values that are no numbers."
                    return NotNumbers(what, "Download it again, or leave the unit out.", FIELD)
        return None

    def _prompted(self, model: Model) -> list[Prompted]:
        """The IP-Adapters with what they see, for a model; nothing for one that takes over and is of another kind."""
        unet = model.parts.get("unet")
        if unet is None and model.card.sha256 == self.request.model_hash:
            what = f"{self.pictures[0].card.name} cannot guide {model.card.name}: an IP-Adapter stands on the attentions of a UNet."
            raise Unsupported(what, "Leave the control unit out.", "control")
        if unet is None or model.card.sha256 != self.request.model_hash and unet.config["cross_attention_dim"] != self._context:
            return []
        self._context = unet.config["cross_attention_dim"]
        widths = tuple(attention.to_q.out_features for _, attention in cross_attentions(unet))
        how = f"prompt|{model.dtype}|{model.device}|{widths}"
        found = []
        for unit in self.pictures:
            adapter = self.networks.loaded(unit.card, lambda path: ip_adapter.load(path, unet.config, widths, model.dtype, model.device), how)
            encoder = self.networks.loaded(encoder_of(unit, self.shelf), lambda path: clip_vision.load(path, model.dtype, model.device), how)
            picture = encoder.prepared(picture_of(unit.wish, self.request, self.blobs))
            seen = encoder.seen(picture, adapter.states)
            if seen.shape[-1] != adapter.width:
                what = f"Control unit {unit.number}: {unit.card.name} was made with another image encoder than {unit.wish.encoder}."
                raise Unsupported(what, "Put the one that it was made with into models/clip_vision, or name it.", "control")
            nothing = encoder.seen(torch.zeros_like(picture), True) if adapter.states else torch.zeros_like(seen)
            found.append(Prompted(unit.wish, adapter, adapter.projection(seen), adapter.projection(nothing)))
        return found

    def _feature(self, unit: Unit, relay: Relay, stage: Stage, one: GenerationRequest) -> Feature:
        model = relay.acting.model
        joint = {unit.card.family, model.record.name} & set(joint_control.CLASSES)  # a UNet's widths tell when its guide is loaded
        if joint and not suits(unit.card, model.card):
            what = f"{unit.card.name} was made for {spoken(unit.card)}; the checkpoint {relay.lead.name} is {spoken(model.card)}."
            raise Unsupported(what, "Choose a ControlNet of the checkpoint's own family.", "control")
        if model.record.name in joint_control.CLASSES and unit.card.kind == "controlnet":
            return self._joint(unit, relay, stage, one)
        guided: Mapping[str, Any] = model.parts["unet"].config if "unet" in model.parts else {}
        if not guided:
            raise Unsupported(f"{unit.card.name} cannot guide {relay.lead.name}: the checkpoint has no UNet.", "Leave the control unit out.", "control")
        how = f"control|{model.dtype}|{model.device}|{guided.get('block_out_channels')}|{guided.get('attention_head_dim')}"
        frame = frame_of(one, stage, model, self.blobs)
        if unit.card.kind == "t2i-adapter":
            adapter = self.networks.loaded(unit.card, lambda path: t2i_adapter.load(path, guided, model.dtype, model.device), how)
            shown = self._map(unit, one, frame, adapter.channels, adapter.fold, model)
            return AdapterControl(unit.wish, adapter, shown.to(model.device, model.dtype))
        network: Guide
        if unit.card.kind == "controlnet-union":
            union = self.networks.loaded(unit.card, lambda path: self._attending(controlnet_union.load(path, guided, model.dtype, model.device)), how)
            network = union.of(union_number(unit.wish.union), unit.wish.union)
        else:
            network = self.networks.loaded(unit.card, lambda path: self._attending(controlnet.load(path, guided, model.dtype, model.device)), how)
        return Control(unit.wish, network, self._map(unit, one, frame, network.channels, 1, model))

    def _attending(self, guide: G) -> G:
        """Fresh from its file, by the kernel that the models' attentions have."""
        attention.put_under(guide.network, self.networks.machine.attention)
        return guide

    def _joint(self, unit: Unit, relay: Relay, stage: Stage, one: GenerationRequest) -> Feature:
        """Of a transformer's ControlNet, which looks at latents."""
        model = relay.acting.model
        guided: Mapping[str, Any] = model.parts["transformer"].config
        family = model.record.name
        how = f"control|{model.dtype}|{model.device}|{guided['num_attention_heads']}|{guided['attention_head_dim']}"
        network = self.networks.loaded(unit.card, lambda path: joint_control.load(path, family, guided, model.dtype, model.device), how)
        shown = self._map(unit, one, frame_of(one, stage, model, self.blobs), 3, 1, model)
        latents = relay.encode_image(2 * shown.clamp(min=0) - 1)
        if network.unpooled:
            latents = latents + shift_of(model.parts["vae"]) * model.scale
        return JointControl(unit.wish, network.of(unit.wish.union), latents, guided)

    def _map(self, unit: Unit, one: GenerationRequest, frame: Frame, channels: int, fold: int, model: Model) -> Tensor:
        """Made once for all pictures of a run that show the unit the same picture."""
        key = (unit.number, unit.wish.image or one.init.image, frame, channels, fold)
        if key not in self._maps:
            self._maps[key] = hint(unit.wish, one, frame, channels, fold, model, self.blobs, self._seen)
        return self._maps[key]

    def _seen(self, wish: ControlUnit, picture: Image.Image, resolution: int) -> Image.Image:
        """A unit's map, by the network that its request names where its preprocessor is a learned one."""
        if not ANNOTATORS.get(wish.module).networks:
            return plainly(wish, picture, resolution)
        card = self.shelf.named("annotator", wish.annotator, wish.annotator_hash, FIELD)
        return annotating.seen(card, wish.module, at_resolution(picture, resolution), self.networks)


def in_pass(wish: ControlUnit, second: bool, hires: bool) -> bool:
    """Whether a unit acts in the first or the second pass; a picture of one pass has no other."""
    return not hires or wish.hires in ("Both", "High res only" if second else "Low res only")
