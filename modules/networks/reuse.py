"""Denoising networks that answer in part from an earlier call: DeepCache for UNets (Ma et al. 2023), the first-block cache for transformers (Cheng 2024, ParaAttention).

Both say in `Memory` under which key a call may use what an earlier one left; who decides that, `engine.features.reuse` knows. Nothing of the weights is
touched: inside of the context a forward function is another one, and afterwards it is the network's own again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Memory:
    """What calls of one kind left: key -> tensors. key: of the call that comes. fresh: it must be computed whole, and leaves what it finds."""

    kept: dict[Hashable, tuple[Tensor, ...]] = field(default_factory=dict)
    key: Hashable = None
    fresh: bool = True


@contextmanager
def sharing_deep_features(unet: Any, memory: Memory) -> Iterator[None]:
    """The UNet computes whole where `memory.fresh`, and leaves what reaches its last layer from the deeper ones; else it takes that and computes the outermost
    skip connection alone (the paper's first branch)."""
    last = unet.up_blocks[-1].resnets[-1]
    outer = int(unet.config.block_out_channels[0])

    def leave(module: nn.Module, given: tuple[Any, ...]) -> None:
        memory.kept[memory.key] = (given[0][:, :-outer].clone(),)

    def forward(x: Tensor, timestep: Tensor, **given: Any) -> Any:
        kept = () if memory.fresh else memory.kept.get(memory.key, ())
        if not kept:
            with _hooked(last, leave):
                return own(x, timestep, **given)
        return (_outermost(unet, x, timestep, kept[0], given),)

    with ExitStack() as standing:
        own = _instead(unet, forward, standing)
        yield


def _outermost(unet: Any, x: Tensor, timestep: Tensor, deep: Tensor, given: dict[str, Any]) -> Tensor:
    """As diffusers' `UNet2DConditionModel.forward`, without what lies between its first convolution and its last layer."""
    context, added = given["encoder_hidden_states"], given.get("added_cond_kwargs")
    emb = unet.time_embedding(unet.get_time_embed(sample=x, timestep=timestep), None)
    told = unet.get_aug_embed(emb=emb, encoder_hidden_states=context, added_cond_kwargs=added)
    emb = emb if told is None else emb + told
    skip = unet.conv_in(x)
    if given.get("mid_block_additional_residual") is not None:
        skip = skip + given["down_block_additional_residuals"][0]
    block = unet.up_blocks[-1]
    hidden = block.resnets[-1](torch.cat([deep, skip], 1), emb)
    if getattr(block, "has_cross_attention", False):
        hidden = block.attentions[-1](hidden, encoder_hidden_states=context, cross_attention_kwargs=given.get("cross_attention_kwargs"), return_dict=False)[0]
    if unet.conv_norm_out is not None:
        hidden = unet.conv_act(unet.conv_norm_out(hidden))
    answer: Tensor = unet.conv_out(hidden)
    return answer


@contextmanager
def sharing_later_blocks(transformer: Any, memory: Memory, threshold: float) -> Iterator[None]:
    """The first block always computes. Where its change moved by less than `threshold` of what it was in the last whole call, the sum that all later blocks
    added then is added again. Asking for that waits for the device once in a call."""
    blocks: Sequence[Any] = [*transformer.transformer_blocks, *getattr(transformer, "single_transformer_blocks", ())]
    state: dict[str, Any] = {"skip": False}

    def first(own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*given: Any, **named: Any) -> Any:
            beside, hidden = own(*given, **named)
            moved = hidden - (given[0] if given else named["hidden_states"])
            kept = () if memory.fresh else memory.kept.get(memory.key, ())
            state["skip"] = bool(kept) and float((moved - kept[0]).abs().mean() / kept[0].abs().mean()) < threshold
            state["moved"], state["first"] = moved, hidden
            return beside, hidden

        return forward

    def later(own: Callable[..., Any], closing: bool) -> Callable[..., Any]:
        def forward(*given: Any, **named: Any) -> Any:
            if state["skip"]:
                beside, hidden = (named.get("encoder_hidden_states"), given[0] if given else named["hidden_states"])
                return beside, state["first"] + memory.kept[memory.key][1] if closing else hidden  # what a ControlNet added between the blocks stands in it
            beside, hidden = own(*given, **named)
            if closing:
                memory.kept[memory.key] = (state.pop("moved"), hidden - state.pop("first"))
            return beside, hidden

        return forward

    with ExitStack() as standing:
        _replaced(blocks[0], first, standing)
        for block in blocks[1:]:
            _replaced(block, partial(later, closing=block is blocks[-1]), standing)
        yield


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _instead(module: nn.Module, forward: Callable[..., Any], standing: ExitStack) -> Callable[..., Any]:
    """-> the module's own forward; `standing` puts it back, the very object where offload hooks had put one there."""
    own = module.forward
    held = module.__dict__.get("forward")

    def back() -> None:
        if held is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = held

    module.__dict__["forward"] = forward
    standing.callback(back)
    return own


def _replaced(module: nn.Module, made: Callable[[Callable[..., Any]], Callable[..., Any]], standing: ExitStack) -> None:
    _instead(module, made(module.forward), standing)
