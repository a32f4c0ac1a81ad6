"""What of a model lies on the device and when: the one place that decides it, through diffusers' own switches.

resident: everything on the device. medvram: one component at a time (model offload). lowvram: one layer at a time (sequential offload).
On a CPU there is nothing to move, and all three are the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import cpu_offload
from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline

from modules.core.errors import Unsupported
from modules.core.options import DeviceOptions
from modules.memory import attention
from modules.memory.device import Machine


def place(parts: dict[str, Any], options: DeviceOptions, machine: Machine) -> Any:
    """Puts the networks where the options say, once after loading. -> the pipeline that owns the hooks; keep it as long as the parts."""
    pipeline = owner(parts)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            attention.put_under(part, options.attention)
    if machine.device == "cpu":
        return pipeline
    if options.placement == "medvram":
        pipeline.enable_model_cpu_offload(device=machine.device)
    elif options.placement == "lowvram":
        pipeline.enable_sequential_cpu_offload(device=machine.device)
    else:
        for part in parts.values():
            if isinstance(part, torch.nn.Module):
                part.to(machine.device)
    return pipeline


class Networks(DiffusionPipeline):
    """Owns the hooks of networks that no one pipeline is made for; is never called."""

    model_cpu_offload_seq = "text_encoder->text_encoder_2->text_encoder_3->transformer->vae"

    def __init__(self, transformer: Any, vae: Any, text_encoder: Any = None, text_encoder_2: Any = None, text_encoder_3: Any = None) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, vae=vae, text_encoder=text_encoder, text_encoder_2=text_encoder_2, text_encoder_3=text_encoder_3)


def owner(parts: dict[str, Any]) -> Any:
    """A pipeline of diffusers around these networks: what its own loaders and hooks ask for."""
    if "pipeline" in parts:
        return parts["pipeline"]
    if "unet" not in parts:
        return Networks(**{name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)})
    if "text_encoder_2" in parts:
        return StableDiffusionXLPipeline(
            vae=parts["vae"],
            text_encoder=parts.get("text_encoder"),
            text_encoder_2=parts["text_encoder_2"],
            tokenizer=None,
            tokenizer_2=None,
            unet=parts["unet"],
            scheduler=None,
            add_watermarker=False,
        )
    return StableDiffusionPipeline(
        vae=parts["vae"],
        text_encoder=parts["text_encoder"],
        tokenizer=None,
        unet=parts["unet"],
        scheduler=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def place_alone(network: torch.nn.Module, options: DeviceOptions, machine: Machine) -> None:
    """Puts a network that belongs to no pipeline where the options say, once after loading."""
    attention.put_under(network, options.attention)
    if machine.device == "cpu":
        return
    if options.placement in ("medvram", "lowvram"):
        cpu_offload(network, torch.device(machine.device))
    else:
        network.to(machine.device)


@contextmanager
def in_full(network: torch.nn.Module) -> Iterator[None]:
    """The network in fp32, and afterwards as it was: half the digits widened and cut again are the same. Raises Unsupported where its weights lie elsewhere."""
    kept = next(network.parameters()).dtype
    if any(tensor.is_meta for tensor in network.parameters()):
        raise Unsupported(
            "The VAE overflowed in half precision, and with --lowvram it cannot change to fp32 while it works.", "Start with --no-half-vae.", "model"
        )
    with torch.inference_mode(False):  # weights moved inside it could never be adapted or trained later
        network.to(torch.float32)
    try:
        yield
    finally:
        with torch.inference_mode(False):
            network.to(kept)


def rest(placed: Any) -> None:
    """Between two takes: what model offload left on the device goes back to memory, so that never two components lie there."""
    placed.maybe_free_model_hooks()


def emptied(machine: Machine) -> None:
    """Gives cached blocks back to the driver, after a model was dropped. Offload hooks make circles of references, which only the collector ends."""
    gc.collect()
    if machine.device.startswith("cuda"):
        torch.cuda.empty_cache()
