"""The memory part of `gpu.py`: SDXL whole, by each placement. A picture is text encoders, a few steps, and the autoencoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from benchmarks.gpu_models import ARCHITECTURES, Bench
from modules.core.options import DeviceOptions, Placement
from modules.memory.device import Machine
from modules.memory.placement import place
from modules.networks import vae

PLACEMENTS: dict[str, str] = {
    "resident": "",
    "encoders": "",
    "medvram": "at most 6.3 GB",
    "group": "",
    "lowvram": "at most 2.2 GB, 1.15",
}
STEPS = 4


def memory(
    placement: str, machine: Machine, dtype: torch.dtype, small: bool, taken: Callable[[str, Callable[[], Any]], float], resident: dict[str, Any] | None
) -> dict[str, Any]:
    """-> peak: bytes allocated at the most, 0 where the device does not tell. step: seconds. transfer: seconds to move the UNet's weights. over: the step over
    the larger of computing (the resident one's step) and moving; 0 before the resident one was measured."""
    bench = Bench(ARCHITECTURES["sdxl"], "cpu", dtype, small)
    parts = whole(bench.network, dtype, small)
    on_card = machine.device.startswith("cuda")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        placed = place(parts, DeviceOptions(device=machine.device, placement=cast(Placement, placement)), machine, Path(folder))
        bench.device = machine.device
        draw = bench.ours(STEPS, 1)
        tokens = torch.ones(2, 77, dtype=torch.long, device=machine.device)

        @torch.inference_mode()
        def picture() -> None:
            for name in ("text_encoder", "text_encoder_2"):
                parts[name](tokens)
            latents = draw()
            vae.decode(parts["vae"], latents.cpu(), 0.13025, dtype, machine.device)
            placed.rest()

        picture()
        if on_card:
            torch.cuda.reset_peak_memory_stats()
        picture()
        peak = torch.cuda.max_memory_allocated() if on_card else 0
        draw()
        step = min(taken(machine.device, draw) for _ in range(3)) / STEPS
        placed.move("resident")
    size = sum(tensor.nbytes for tensor in bench.network.parameters())
    transfer = moved(machine.device, size, taken) if on_card else 0.0
    compute = resident["step"] if resident else step if placement == "resident" else 0.0
    each = transfer if placement in ("group", "lowvram") else transfer / STEPS if placement == "medvram" else 0.0
    return {"peak": peak, "step": step, "transfer": transfer, "over": step / max(compute, each) if compute else 0.0, "bytes": size}


def moved(device: str, size: int, taken: Callable[[str, Callable[[], Any]], float]) -> float:
    """Seconds that so many bytes take from the machine's memory to the card, as fast as the bus is."""
    block = torch.empty(min(size, 2**28), dtype=torch.uint8, pin_memory=True)
    there = torch.empty_like(block, device=device)
    return min(taken(device, lambda: there.copy_(block, non_blocking=True)) for _ in range(5)) * size / block.nbytes


def whole(unet: nn.Module, dtype: torch.dtype, small: bool) -> dict[str, nn.Module]:
    """SDXL's networks on the CPU, with random weights."""
    levels = (32, 32, 32, 32) if small else (128, 256, 512, 512)
    coder = AutoencoderKL(
        block_out_channels=levels,
        layers_per_block=1 if small else 2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.13025,
    )
    sizes: list[dict[str, Any]] = [
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
        {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "projection_dim": 1280},
    ]
    if small:
        sizes = [{"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1}] * 2
    words = {"vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407}
    first, second = CLIPTextModel(CLIPTextConfig(**sizes[0], **words)), CLIPTextModelWithProjection(CLIPTextConfig(**sizes[1], **words))
    networks: dict[str, nn.Module] = {"unet": unet, "vae": coder, "text_encoder": first, "text_encoder_2": second}
    for network in networks.values():
        network.to(dtype).eval().requires_grad_(False)
    return networks
