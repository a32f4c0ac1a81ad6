"""OpenPose's network for bodies (Cao et al. 2017, "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields"): body_pose_model.pth. A file -> a skeleton.

The first ten layers of a VGG-19, then six stages of two branches: fields along limbs (L1), and how surely each part of a body is at each place (L2). Names of
the tensors are the file's; the widths are read from it. What becomes of its maps is `imaging.pose`'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad, relu

from modules.imaging import pose
from modules.networks import build
from modules.networks.annotated import named, ran, seen
from modules.networks.weights import Weights

EYES = (
    ("conv1_1", "conv1_2"),
    ("conv2_1", "conv2_2"),
    ("conv3_1", "conv3_2", "conv3_3", "conv3_4"),
    ("conv4_1", "conv4_2", "conv4_3_CPM", "conv4_4_CPM"),
)
"""Layers between two halvings."""
STAGES = 6
BRANCHES = ("L1", "L2")
HEIGHT = 184
"""Pixels to which a picture's height is brought, half of its training's: as in the maps that ControlNet was trained on."""
STRIDE = 8
GREY = 128 / 256 - 0.5
"""Beside the picture, where a side is no multiple of the stride."""
WIDEST = 6
"""How many times as wide as high a picture may be seen; of a wider one the height shrinks."""


def branch(stage: int, name: str) -> tuple[str, ...]:
    """Names of a branch's layers."""
    return (
        tuple(f"conv5_{number}_CPM_{name}" for number in range(1, 6)) if stage == 1 else tuple(f"Mconv{number}_stage{stage}_{name}" for number in range(1, 8))
    )


class Body(nn.Module):
    """BGR [1, 3, H, W] in -0.5..0.5 -> fields [38, H / 8, W / 8], parts [19, H / 8, W / 8], the last for no part at all."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        for name in [*sum(EYES, ()), *(layer for stage in range(1, STAGES + 1) for one in BRANCHES for layer in branch(stage, one))]:
            outside, inside, kernel, _ = shapes[f"{name}.weight"]
            self.layers[name] = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)
        if [shapes[f"{branch(STAGES, one)[-1]}.weight"][0] for one in BRANCHES] != [pose.FIELDS, pose.PARTS + 1]:
            raise ValueError(f"it does not tell {pose.PARTS} parts of a body and {pose.FIELDS // 2} limbs")

    def forward(self, pixels: Tensor) -> Tensor:
        """Both maps, one above the other."""
        x = pixels
        for number, layers in enumerate(EYES):
            x = max_pool2d(x, 2) if number else x
            for name in layers:
                x = relu(self.layers[name](x))
        told = x
        for stage in range(1, STAGES + 1):
            fields, parts = (self._through(told, branch(stage, one)) for one in BRANCHES)
            told = torch.cat([fields, parts, x], 1)
        # the published code cuts the last branch at 0 too; the maps that ControlNet learnt from came out of it
        return torch.cat([fields, relu(parts)], 1)[0]

    def _through(self, x: Tensor, names: tuple[str, ...]) -> Tensor:
        for name in names:
            x = self.layers[name](x)
            x = x if name == names[-1] else relu(x)
        return x


@dataclass(frozen=True)
class Skeletons:
    network: Body
    device: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return build.size_of(self.network)

    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size: everybody's skeleton on black. Raises BadModelFile."""
        return pose.drawn(self.people(image), image.size)

    @torch.inference_mode()
    def people(self, image: Image.Image) -> list[pose.Person]:
        """Raises BadModelFile."""
        scale = HEIGHT / max(image.height, image.width / WIDEST)
        width, height = (max(round(side * scale), 1) for side in image.size)
        pixels = seen(image, (width, height)).flip(1) * (255 / 256) - 0.5
        told = ran("pose network", lambda: self.network(pad(pixels, (0, -width % STRIDE, 0, -height % STRIDE), value=GREY).to(self.device)))
        maps = told.float().cpu().numpy()

        def whole(channel: int) -> NDArray[np.float32]:
            """One of the maps, as large as the picture."""
            fine = cv2.resize(maps[channel], None, fx=STRIDE, fy=STRIDE, interpolation=cv2.INTER_CUBIC)[:height, :width]
            return np.asarray(cv2.resize(fine, image.size, interpolation=cv2.INTER_CUBIC), np.float32)

        return pose.people(lambda part: whole(pose.FIELDS + part), whole, image.height)


def load(path: Path, device: str, name: str) -> Skeletons:
    """path: a safetensors file, of a pickle what was made of it. name: of the file that the user knows. Raises BadModelFile."""
    with named(name), torch.inference_mode(False):
        weights = Weights([path])
        network = build.part("pose network", lambda: Body(weights.shapes))
        build.fill(network, weights, lambda one: one.removeprefix("layers."), torch.float32, "pose network")
        return Skeletons(network.to(device), device)
