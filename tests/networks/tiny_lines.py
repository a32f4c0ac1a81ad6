"""Tiny networks for soft edges, line drawings and poses: files with the published names of tensors, narrow and random but fixed, as pickles and safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]
WIDTH = 4


def hed() -> Shapes:
    found: Shapes = {"norm": (1, 3, 1, 1)}
    inside = 3
    for block, (layers, width) in enumerate(((2, 4), (2, 6), (3, 8), (3, 8), (3, 8)), 1):
        for layer in range(layers):
            found |= conv(f"block{block}.convs.{layer}", width, inside, 3)
            inside = width
        found |= conv(f"block{block}.projection", 1, width, 1)
    return found


def pidinet(dilated: int = 5) -> Shapes:
    found: Shapes = {"init_block.weight": (WIDTH, 3, 3, 3)}
    inside = WIDTH
    for stage, (blocks, outside) in enumerate(((3, WIDTH), (4, 2 * WIDTH), (4, 4 * WIDTH), (4, 4 * WIDTH)), 1):
        for block in range(1, blocks + 1):
            name = f"block{stage}_{block}"
            found |= {f"{name}.conv1.weight": (inside, 1, 3, 3), f"{name}.conv2.weight": (outside, inside, 1, 1)}
            if stage > 1 and block == 1:
                found |= conv(f"{name}.shortcut", outside, inside, 1)
            inside = outside
        found |= conv(f"dilations.{stage - 1}.conv1", dilated, outside, 1)
        found |= {f"dilations.{stage - 1}.conv2_{number}.weight": (dilated, dilated, 3, 3) for number in range(1, 5)}
        found |= {**conv(f"attentions.{stage - 1}.conv1", 4, dilated, 1), f"attentions.{stage - 1}.conv2.weight": (1, 4, 3, 3)}
        found |= conv(f"conv_reduces.{stage - 1}.conv", 1, dilated, 1)
    return found | conv("classifier", 1, 4, 1)


def drawing(blocks: int = 3) -> Shapes:
    found = conv("model0.1", WIDTH, 3, 7) | conv("model1.0", 2 * WIDTH, WIDTH, 3) | conv("model1.3", 4 * WIDTH, 2 * WIDTH, 3)
    for block in range(blocks):
        for layer in (1, 5):
            found |= conv(f"model2.{block}.conv_block.{layer}", 4 * WIDTH, 4 * WIDTH, 3)
    for name, inside in (("model3.0", 4 * WIDTH), ("model3.3", 2 * WIDTH)):
        found |= {f"{name}.weight": (inside, inside // 2, 3, 3), f"{name}.bias": (inside // 2,)}
    return found | conv("model4.1", 1, WIDTH, 7)


def body() -> Shapes:
    found: Shapes = {}
    inside = 3
    eyes = "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv3_4 conv4_1 conv4_2 conv4_3_CPM conv4_4_CPM"
    for name in eyes.split():
        found |= conv(name, 6, inside, 3)
        inside = 6
    for branch, told in (("L1", 38), ("L2", 19)):
        for number, kernel in enumerate((3, 3, 3, 1, 1), 1):
            found |= conv(f"conv5_{number}_CPM_{branch}", told if number == 5 else 6, 6, kernel)
        for stage in range(2, 7):
            for number, kernel in enumerate((7, 7, 7, 7, 7, 1, 1), 1):
                found |= conv(f"Mconv{number}_stage{stage}_{branch}", told if number == 7 else 6, 6 + 38 + 19 if number == 1 else 6, kernel)
    return found


FILES = {"ControlNetHED": hed, "table5_pidinet": pidinet, "sk_model": drawing, "sk_model2": drawing, "body_pose_model": body}
"""The published files' names."""


def conv(name: str, outside: int, inside: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outside, inside, kernel, kernel), f"{name}.bias": (outside,)}


def tensors(name: str, seed: int = 8) -> Tensors:
    """Of one of the published files; not so small that nothing comes through."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for tensor, shape in FILES[name]().items():
        fan = max(torch.Size(shape[1:]).numel(), 1)
        found[tensor] = torch.randn(shape, generator=draw) * ((2 / fan) ** 0.5 if len(shape) == 4 and tensor != "norm" else 0.1)
    return found


def save(folder: Path, name: str, seed: int = 8, pickled: bool = False) -> Path:
    """pickled: as it is published, PiDiNet's within the state of its training."""
    folder.mkdir(parents=True, exist_ok=True)
    made = tensors(name, seed)
    if not pickled:
        path = folder / f"{name}.safetensors"
        save_file(made, path)
        return path
    path = folder / f"{name}.pth"
    inside = {"epoch": 19, "state_dict": {f"module.{key}": tensor for key, tensor in made.items()}} if name == "table5_pidinet" else made
    torch.save(inside, path)
    return path
