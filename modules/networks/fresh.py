"""Networks that know nothing yet: of a given config, with weights drawn from a seed as their libraries draw them. Knows no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

Network = TypeVar("Network", bound=nn.Module)


def unet(config: Mapping[str, Any], seed: int) -> UNet2DConditionModel:
    return _drawn(lambda: UNet2DConditionModel.from_config(dict(config)), seed)


def vae(config: Mapping[str, Any], seed: int) -> AutoencoderKL:
    return _drawn(lambda: AutoencoderKL.from_config(dict(config)), seed)


def text_encoder(config: Mapping[str, Any], seed: int) -> CLIPTextModel:
    return _drawn(lambda: CLIPTextModel(CLIPTextConfig(**config)), seed)


def write_out(unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
    """Their attention is computed step by step from here on, and not by a kernel of torch's."""
    unet.set_attn_processor(AttnProcessor())
    text.set_attn_implementation("eager")


def _drawn(make: Callable[[], Network], seed: int) -> Network:
    """torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
