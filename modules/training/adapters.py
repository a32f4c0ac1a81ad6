"""Low-rank weights beside the layers of a model (LoRA, Hu et al. 2021), put there by hooks: the model's own weights are never touched.

Names are kohya's, which every program reads. Knows no loop and no objective.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modules.core.errors import Unsupported
from modules.core.training import Adapter
from modules.networks import ldm_names
from modules.networks.lora import weight_of
from modules.training.lora_layers import UNREAD, in_denoiser, in_text_encoder, rank_of

UNETS = ("sd1", "sd2", "sdxl", "sdxl-refiner")
"""Families whose LoRAs have a form that all programs share."""


class Low(nn.Module):
    """What is added to a layer's answer: up(down(x)) * alpha / rank. Begins as nothing, for `up` is nought."""

    def __init__(self, layer: nn.Module, rank: int, alpha: float) -> None:
        super().__init__()
        self.down: nn.Module
        self.up: nn.Module
        if isinstance(layer, nn.Conv2d):
            self.down = nn.Conv2d(layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding, layer.dilation, bias=False)  # type: ignore[arg-type]
            self.up = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
        else:
            assert isinstance(layer, nn.Linear)
            self.down = nn.Linear(layer.in_features, rank, bias=False)
            self.up = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.up(self.down(x.to(weight_of(self.down).dtype))) * self.scale
        return added.to(x.dtype)


class Adapters(nn.Module):
    """The LoRA of one model. parts: its components by name. low: by kohya's names. Same seed, same beginning."""

    def __init__(self, parts: Mapping[str, Any], family: str, wanted: Adapter, seed: int) -> None:
        super().__init__()
        if family not in UNETS:
            raise Unsupported(
                f"LoRAs can be trained on models with a UNet, and this is one of {family}.", "Choose a checkpoint of SD 1.x, 2.x or SDXL.", "model"
            )
        self.layers = dict(chosen(parts, family, wanted))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.low = nn.ModuleDict(
                {name: Low(layer, rank_of(wanted.rank, tuple(weight_of(layer).shape)), wanted.alpha) for name, layer in self.layers.items()}
            )
        self.alpha = wanted.alpha

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Inside, the model's layers answer with these beside them."""
        with ExitStack() as standing:
            for name, layer in self.layers.items():
                standing.callback(layer.register_forward_hook(_adding(self.low[name])).remove)
            yield

    def of(self, text: bool) -> list[nn.Parameter]:
        """Weights of the text encoders, or those of the denoiser."""
        return [weight for name, low in self.low.items() if name.startswith("lora_te") is text for weight in low.parameters()]

    def tensors(self) -> dict[str, Tensor]:
        """As they stand in a file."""
        found: dict[str, Tensor] = {}
        for name, low in self.low.items():
            assert isinstance(low, Low)
            down, up = (weight_of(layer).detach().cpu() for layer in (low.down, low.up))
            found |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(low.scale * len(down))}
        return {name: tensor.half().contiguous() for name, tensor in found.items()}


def chosen(parts: Mapping[str, Any], family: str, wanted: Adapter) -> Iterator[tuple[str, nn.Module]]:
    """Layers that get an adapter, by kohya's names."""
    unet = parts["unet"]
    for name, layer in unet.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and in_denoiser(name, wanted.layers):
            yield f"lora_unet_{_kohya(name, unet, family)}", layer
    if not wanted.text_encoder:
        return
    encoders = [part for part in ("text_encoder", "text_encoder_2") if parts.get(part) is not None]
    for part in encoders:
        # SDXL reads its first encoder before the last layer: what stood there would never learn, and several processes would wait for its gradient
        prefix = "lora_te" if family in ("sd1", "sd2") else "lora_te2" if part == "text_encoder_2" else "lora_te1"
        unread = f".layers.{parts[part].config.num_hidden_layers - 1}." if (family, part) == UNREAD else ""
        for name, layer in parts[part].named_modules():
            if isinstance(layer, nn.Linear) and in_text_encoder(name, wanted.layers) and not (unread and unread in name):
                yield f"{prefix}_text_model_{name.removeprefix('text_model.').replace('.', '_')}", layer


def _kohya(name: str, unet: Any, family: str) -> str:
    """SD 1.x and 2.x by diffusers' names, SDXL by those of the original code, as kohya's trainer writes them."""
    if family in ("sd1", "sd2"):
        return name.replace(".", "_")
    attention = tuple("CrossAttn" in kind for kind in unet.config.up_block_types)
    original = ldm_names.unet(f"{name}.weight", unet.config.layers_per_block, attention)
    return original.removeprefix(ldm_names.UNET).removesuffix(".weight").replace(".", "_")


def _adding(low: nn.Module) -> Any:
    return lambda _layer, given, answer: answer + low(given[0])
