"""Cross-attentions of a UNet that look at pictures, too; for a while, and taken off without a trace. Nothing of a model's weights is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_processor import Attention, IPAdapterAttnProcessor2_0
from torch import Tensor, nn

from modules.networks.ip_adapter import IPAdapter


class Look(NamedTuple):
    """What one adapter sees in a call. tokens: [N, T, D], a row for each of the call's. weights: of each attention; 0: it does not look."""

    tokens: Tensor
    weights: Sequence[float]


@dataclass
class Sight:
    """What the attentions look at in the next call of the network, one for each adapter. None: the text alone, exactly as without them."""

    looks: Sequence[Look | None] = ()


def cross_attentions(unet: nn.Module) -> list[tuple[str, Attention]]:
    """In the order of diffusers' `attn_processors`, which is the order of an IP-Adapter's file."""
    processors: Any = unet.attn_processors
    names = [name.removesuffix(".processor") for name in processors if name.endswith("attn2.processor")]
    return [(name, unet.get_submodule(name)) for name in names]


class Seeing:
    """Stands in for an attention's processor. place: of the attention among all that look."""

    def __init__(self, own: Any, place: int, adapters: Sequence[IPAdapter], sight: Sight) -> None:
        self.own, self.place, self.sight = own, place, sight
        width, context = adapters[0].keys[place].shape
        with torch.device("meta"):
            self.both: Any = IPAdapterAttnProcessor2_0(width, context, [1] * len(adapters))
        for index, adapter in enumerate(adapters):
            self.both.to_k_ip[index].weight = nn.Parameter(adapter.keys[place], requires_grad=False)
            self.both.to_v_ip[index].weight = nn.Parameter(adapter.values[place], requires_grad=False)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        weights = [look.weights[self.place] if look else 0.0 for look in self.sight.looks]
        if not any(weights):
            plain: Tensor = self.own(attn, hidden_states, encoder_hidden_states, attention_mask=attention_mask, temb=temb)
            return plain
        self.both.scale = weights
        tokens = [look.tokens if look else hidden_states for look in self.sight.looks]  # what weighs 0 is passed over
        seen: Tensor = self.both(attn, hidden_states, (encoder_hidden_states, tokens), attention_mask=attention_mask, temb=temb)
        return seen


@contextmanager
def seeing(unet: nn.Module, adapters: Sequence[IPAdapter]) -> Iterator[Sight]:
    """Puts the adapters onto a UNet's cross-attentions; at the end each has its own processor again, the very object. -> what tells them where to look."""
    sight = Sight()
    before: list[tuple[Attention, Any]] = []
    try:
        with torch.inference_mode(False):
            for place, (_, attention) in enumerate(cross_attentions(unet)):
                before.append((attention, attention.processor))
                attention.set_processor(Seeing(attention.processor, place, adapters, sight))
        yield sight
    finally:
        for attention, processor in before:
            attention.set_processor(processor)
