"""The pose network: against its layers written out over the file's own tensors, and what is no such file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from modules.core.errors import BadModelFile
from modules.networks import openpose
from tests.networks import tiny_lines
from tests.networks.test_line_maps import picture


def told(x: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    def layer(x: Tensor, name: str) -> Tensor:
        kernel = tensors[f"{name}.weight"]
        return conv2d(x, kernel, tensors[f"{name}.bias"], padding=kernel.shape[-1] // 2)

    for block, layers in enumerate(("1_1 1_2", "2_1 2_2", "3_1 3_2 3_3 3_4", "4_1 4_2 4_3_CPM 4_4_CPM")):
        x = max_pool2d(x, 2) if block else x
        for name in layers.split():
            x = relu(layer(x, f"conv{name}"))
    eyes, state = x, x
    for stage in range(1, 7):
        ends = []
        for branch in ("L1", "L2"):
            y, count = state, 5 if stage == 1 else 7
            for number in range(1, count + 1):
                y = layer(y, f"conv5_{number}_CPM_{branch}" if stage == 1 else f"Mconv{number}_stage{stage}_{branch}")
                y = relu(y) if number < count else y
            ends.append(y)
        state = torch.cat([*ends, eyes], 1)
    return torch.cat([ends[0], relu(ends[1])], 1)[0]


def test_its_maps_are_those_of_the_layers(tmp_path: Path) -> None:
    path = tiny_lines.save(tmp_path, "body_pose_model")
    network = openpose.load(path, "cpu", path.name).network
    pixels = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(2)) - 0.5
    with torch.inference_mode():
        found, expected = network(pixels), told(pixels, tiny_lines.tensors("body_pose_model"))
    assert found.shape == (38 + 19, 6, 8) and expected.std() > 0
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))


def test_a_picture_of_any_size_has_a_map_as_large(tmp_path: Path) -> None:
    path = tiny_lines.save(tmp_path, "body_pose_model")
    loaded = openpose.load(path, "cpu", path.name)
    for size in ((1, 1), (300, 20), (64, 96)):
        made = loaded.map(picture(size))
        assert made.size == size and np.array_equal(np.asarray(made), np.asarray(loaded.map(picture(size))))


def test_one_that_tells_other_parts_is_refused(tmp_path: Path) -> None:
    tensors = tiny_lines.tensors("body_pose_model")
    tensors["Mconv7_stage6_L2.weight"] = torch.zeros(26, 6, 1, 1)
    tensors["Mconv7_stage6_L2.bias"] = torch.zeros(26)
    save_file(tensors, tmp_path / "body_25.safetensors")
    with pytest.raises(BadModelFile, match=r"body_25 cannot be loaded.*18 parts"):
        openpose.load(tmp_path / "body_25.safetensors", "cpu", "body_25")


def test_without_anybody_it_is_black(tmp_path: Path) -> None:
    tensors = {name: torch.zeros_like(tensor) for name, tensor in tiny_lines.tensors("body_pose_model").items()}
    save_file(tensors, tmp_path / "blind.safetensors")
    assert not np.asarray(openpose.load(tmp_path / "blind.safetensors", "cpu", "blind").map(Image.new("RGB", (40, 30), "white"))).any()
