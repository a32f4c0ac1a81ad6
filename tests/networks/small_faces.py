"""Small face networks with the names that real files have: a detector that takes a white dot for the middle of a face, CodeFormer and GFPGAN of few channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from modules.imaging.faces import PLACES
from modules.networks.architectures import spandrel
from modules.networks.face_detector import SPREAD
from modules.networks.retinaface import RetinaFace
from tests.networks.small import Tensors

SIDE = 64
"""Pixels of the square around each face that the detector finds, and of CodeFormer's here."""


def detector() -> Tensors:
    """One channel carries brightness through everything to the boxes of 32 pixels at the finest level; all else is shut."""
    tensors = {name: tensor.clone() for name, tensor in RetinaFace(4, (1, 1, 1, 1), 16).state_dict().items()}
    for name, tensor in tensors.items():
        if tensor.dim() == 4 or "conv1x1" in name:  # convolutions; batch norms stay as they are made, and let everything through
            tensor.zero_()
    tensors["body.conv1.weight"][0, :, 3, 3] = 1 / 3
    for name in ("body.layer1.0.downsample.0", "body.layer2.0.downsample.0", "fpn.output1.0"):
        tensors[f"{name}.weight"][0, 0] = 1
    for name in ("fpn.merge1.0", "ssh1.conv3X3.0"):
        tensors[f"{name}.weight"][0, 0, 1, 1] = 1
    for level in range(3):
        tensors[f"ClassHead.{level}.conv1x1.bias"][:] = torch.tensor([10.0, 0, 10 if level else 0, 0 if level else -50])
    tensors["ClassHead.0.conv1x1.weight"][3, 0] = 1
    tensors["LandmarkHead.0.conv1x1.bias"][10:] = torch.tensor((PLACES - 0.5) * SIDE / (32 * SPREAD)).flatten()
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


def anywhere() -> Tensors:
    """`detector` that takes any square picture for one large face around its first corner."""
    tensors = detector()
    tensors["module.ClassHead.0.conv1x1.bias"][3] = 300
    tensors["module.BboxHead.0.conv1x1.bias"][6:] = 30  # so large that all places mean the same face
    tensors["module.LandmarkHead.0.conv1x1.bias"][10:] = torch.tensor((PLACES - 0.5) * 640 / (32 * SPREAD)).flatten()
    return tensors


def crowd(*middles: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """640 x 640, dark and uneven, with a face for `detector` in the middle of each of these cells of 8 pixels (column, row)."""
    picture = np.random.default_rng(5).integers(0, 60, (640, 640, 3), np.uint8)
    for column, row in middles:
        picture[8 * row - 2 : 8 * row + 6, 8 * column - 2 : 8 * column + 6] = 255
    return Image.fromarray(picture).convert(mode)


def square(column: int, row: int) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the square around that face."""
    left, top = 8 * column + 4 - SIDE // 2, 8 * row + 4 - SIDE // 2
    return left, top, left + SIDE, top + SIDE


def codeformer(width: int = 32, book: int = 8) -> Tensors:
    """codeformer.pth's blocks with two sizes below the full one in place of five; 16 x 16 places as there."""
    torch.manual_seed(7)
    tensors: Tensors = {}

    def put(name: str, *shape: int) -> None:
        tensors[f"{name}.weight"] = torch.randn(shape) / (np.prod(shape[1:]) ** 0.5) if len(shape) > 1 else torch.ones(shape)
        tensors[f"{name}.bias"] = torch.zeros(shape[0])

    def residual(name: str, inside: int, outside: int) -> None:
        put(f"{name}.norm1", inside)
        put(f"{name}.conv1", outside, inside, 3, 3)
        put(f"{name}.norm2", outside)
        put(f"{name}.conv2", outside, outside, 3, 3)
        if inside != outside:
            put(f"{name}.conv_out", outside, inside, 1, 1)

    def attention(name: str, channels: int) -> None:
        put(f"{name}.norm", channels)
        for part in ("q", "k", "v", "proj_out"):
            put(f"{name}.{part}", channels, channels, 1, 1)

    wide = 2 * width
    plan = {
        "encoder": [(3, width, "conv"), (width, width, "res"), (width, 0, "resize"), (width, width, "res"), (width, 0, "resize"), (width, wide, "res")],
        "generator": [(width, wide, "conv"), (wide, wide, "res"), (wide, 0, "resize"), (wide, width, "res"), (width, 0, "resize"), (width, width, "res")],
    }
    ends = {"encoder": (wide, width), "generator": (width, 3)}
    for half, blocks in plan.items():
        inside, outside = ends[half]
        middle = [(wide, 0, "attention"), (wide, wide, "res")]
        all_blocks = [*blocks, *middle] if half == "encoder" else [*blocks[:2], *middle, *blocks[2:]]
        for number, (first, second, kind) in enumerate([*all_blocks, (inside, 0, "norm"), (inside, outside, "conv")]):
            name = f"{half}.blocks.{number}"
            if kind == "res":
                residual(name, first, second)
            elif kind == "attention":
                attention(name, first)
            elif kind == "norm":
                put(name, first)
            else:
                put(name if kind == "conv" else f"{name}.conv", second or first, first, 3, 3)
    tensors["quantize.embedding.weight"] = torch.randn(book, width)
    tensors["position_emb"] = torch.randn(256, wide)
    put("feat_emb", wide, width)
    for layer in range(2):
        name = f"ft_layers.{layer}"
        tensors[f"{name}.self_attn.in_proj_weight"], tensors[f"{name}.self_attn.in_proj_bias"] = torch.randn(3 * wide, wide) / wide**0.5, torch.zeros(3 * wide)
        put(f"{name}.self_attn.out_proj", wide, wide)
        put(f"{name}.linear1", 2 * wide, wide)
        put(f"{name}.linear2", wide, 2 * wide)
        put(f"{name}.norm1", wide)
        put(f"{name}.norm2", wide)
    put("idx_pred_layer.0", wide)
    put("idx_pred_layer.1", book, wide)
    del tensors["idx_pred_layer.1.bias"]
    residual("fuse_convs_dict.32.encode_enc", 2 * width, width)
    for part in ("scale", "shift"):
        put(f"fuse_convs_dict.32.{part}.0", width, width, 3, 3)
        put(f"fuse_convs_dict.32.{part}.2", width, width, 3, 3)
    return tensors


GFPGAN_SIZES = {"out_size": 32, "num_style_feat": 16, "num_mlp": 2, "narrow": 1 / 16}


@contextmanager
def small_gfpgan() -> Iterator[Tensors]:
    """Inside, spandrel's GFPGAN has these sizes in place of the one size that it knows. -> a file's tensors."""
    place = spandrel.architectures.GFPGAN
    whole = place.GFPGAN
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "GFPGAN", lambda **sizes: whole(**{**sizes, **GFPGAN_SIZES}))
        torch.manual_seed(7)
        yield {name: tensor.clone() for name, tensor in whole(**GFPGAN_SIZES).state_dict().items()}
