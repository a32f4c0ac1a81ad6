"""Files that hold no numbers, networks that overflow in half precision, and calls of real networks whose answers are spoilt. No network is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.engine.generate import Engine
from tests.engine import shortage
from tests.networks import lora_files, small, small_faces, tiny, tiny_control

NAN, INF = float("nan"), float("inf")
HALF = (torch.float16, torch.bfloat16)
LOUD = 30000.0
"""Times that weights grow which half precision still holds, and what they make no longer."""
FAR = 2.0**18
"""The same of weights that are taken back at a network's end."""


class Spoilt(NamedTuple):
    """Calls of a network whose answers become `value`. network: its class. calls: which of them, from 0; None for all. row: of the answer; None for all.
    half: only where it works in half precision."""

    network: str
    value: float = NAN
    calls: tuple[int, ...] | None = None
    row: int | None = None
    half: bool = False


@contextmanager
def spoiling(what: Spoilt | None) -> Iterator[list[int]]:
    """Inside, these calls answer so. -> how many did."""
    told, count = [0], [0]

    def spoil(network: Any, given: Any, answer: Any) -> None:
        if what is None or type(network).__name__ != what.network:
            return
        numbers = answer[0] if isinstance(answer, tuple) else answer
        if what.half and numbers.dtype not in HALF:
            return
        count[0] += 1
        if what.calls is None or count[0] - 1 in what.calls:
            numbers[slice(None) if what.row is None else what.row] = what.value
            told[0] += 1

    with torch.nn.modules.module.register_module_forward_hook(spoil):
        yield told


def spoilt(tensors: dict[str, Tensor], ending: str, value: float = NAN) -> dict[str, Tensor]:
    """With one value of one tensor so. ending: of its name, which no other one has."""
    (name,) = (name for name in tensors if name.endswith(ending))
    tensor = tensors[name].clone()
    tensor.view(-1)[0] = value
    return {**tensors, name: tensor}


def louder(tensors: dict[str, Tensor], times: dict[str, float]) -> dict[str, Tensor]:
    """With tensors grown so many times. times: by the endings of their names."""
    found = dict(tensors)
    for ending, factor in times.items():
        (name,) = (name for name in tensors if name.endswith(ending))
        found[name] = (tensors[name].float() * factor).to(tensors[name].dtype)
    return found


def engine(data: Path) -> Engine:
    """`shortage.engine`'s with a broken one and a loud one of everything."""
    models = data / "models"
    unet, vae, text = tiny.parts()
    whole = tiny.ldm_tensors(unet, vae, text)
    folder = models / "Stable-diffusion"

    def checkpoint(name: str, tensors: dict[str, Tensor]) -> None:
        tiny.save_single(folder / f"{name}.safetensors", tensors)

    for value in (NAN, INF):
        checkpoint(f"unet {value}", spoilt(whole, "diffusion_model.out.2.weight", value))
    checkpoint("text nan", spoilt(whole, "final_layer_norm.weight"))
    checkpoint("decoder nan", spoilt(whole, "decoder.conv_out.weight"))
    checkpoint("decoder inf", spoilt(whole, "decoder.conv_in.bias", INF))
    checkpoint("encoder nan", spoilt(whole, "encoder.conv_in.weight"))
    checkpoint("loud unet", louder(whole, {"diffusion_model.input_blocks.0.0.weight": LOUD}))
    checkpoint("loud text", louder(whole, {"layers.1.mlp.fc1.weight": 1000, "layers.1.mlp.fc2.weight": LOUD}))
    checkpoint("loud decoder", louder(whole, {"first_stage_model.decoder.conv_in.weight": LOUD}))
    checkpoint("loud encoder", louder(whole, {"first_stage_model.encoder.conv_in.weight": 8 * LOUD}))

    own = {name.removeprefix("first_stage_model."): tensor for name, tensor in whole.items() if name.startswith("first_stage_model.")}
    save(models / "VAE" / "broken.safetensors", spoilt(own, "decoder.conv_out.weight"))

    lora = lora_files.kohya({"unet": unet, "vae": vae, "text_encoder": text})
    lora_files.save(models / "Lora" / "broken.safetensors", spoilt(lora, "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight"))
    strong = {name: tensor * (300 if name.endswith("lora_up.weight") else 1) for name, tensor in lora.items()}
    lora_files.save(models / "Lora" / "strong.safetensors", strong)
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    huge = torch.full_like(dict(unet.named_parameters())[f"{layer}.weight"], 1e37)
    lora_files.save(models / "Lora" / "huge.safetensors", {f"transformer.{layer}.diff": huge})

    place, network = models / "ControlNet", tiny_control.controlnet(unet)
    edges = {name: tensor.half() for name, tensor in network.state_dict().items()}
    tiny_control.save(place / "broken edges.safetensors", spoilt(edges, "controlnet_mid_block.weight"))
    tiny_control.save(place / "loud edges.safetensors", louder(edges, {"controlnet_mid_block.weight": 5 * LOUD}))
    sketch = dict(tiny_control.t2i_adapter().state_dict())
    tiny_control.save(place / "broken sketch.safetensors", spoilt(sketch, "body.0.resnets.0.block1.weight"))
    plain = tiny_control.ip_adapter(unet, "plain")
    tiny_control.save(place / "broken face.safetensors", spoilt(plain, "ip_adapter.1.to_v_ip.weight"))
    tiny_control.save_image_encoder(models / "clip_vision" / "clip.safetensors")

    save(models / "embeddings" / "brokenword.safetensors", {"emb_params": torch.full((2, tiny.WIDTH), NAN)})
    esrgan = small.real_esrgan(unshuffle=2)
    small.save(models / "ESRGAN" / "broken.safetensors", spoilt(esrgan, "conv_last.weight"))
    small.save(models / "ESRGAN" / "loud.safetensors", louder(esrgan, {"conv_first.weight": FAR, "conv_last.weight": 1 / FAR}))
    small.save(models / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    small.save(models / "GFPGAN" / "detection_Resnet50_Final.pth", small_faces.detector())
    return shortage.engine(data)


def save(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
