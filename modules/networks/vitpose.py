"""ViTPose (Xu et al. 2022): the skeleton of one person by a network from the user's folder. A folder of transformers -> a skeleton as OpenPose draws it.

It looks at one person in a box of 3 to 4, so it is shown the whole picture with some room around: of several people it finds the one whose parts are surest.
Where a part is between two cells of its maps, the maps' bend tells ("Distribution-Aware Coordinate Representation", Zhang et al. 2020).
Only this class is made, from those values of a config that describe the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

from modules.catalog.annotators import BODY
from modules.catalog.notes import read_json
from modules.imaging import pose
from modules.networks import build
from modules.networks.annotated import IMAGENET, chosen, named, ran, seen, table
from modules.networks.component import weight_files
from modules.networks.transformers_names import in_memory
from modules.networks.weights import DTYPES, INTEGERS, Weights

Array = NDArray[np.float64]
ROOM = 1.25
"""How much larger than the person the box is."""
SURE = 0.3
"""What a map must say for a part."""
BLUR, LEAST = 0.8, 1e-3
"""Cells by which maps are blurred, and the least that they say, before their bend is looked at."""
HEAD = ("scale_factor", "use_simple_decoder")
BACKBONE = (
    "image_size", "patch_size", "num_channels", "hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio", "num_experts", "part_features",
    "hidden_act", "layer_norm_eps", "qkv_bias", "out_indices", "out_features",
)  # fmt: skip
"""Values of a config that are believed."""
NECK = -1
PARTS = (0, NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""OpenPose's parts among COCO's 17; the neck lies between the shoulders."""
SHOULDERS = (5, 6)


@dataclass(frozen=True)
class Person:
    network: Any
    device: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return build.size_of(self.network)

    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size: the skeleton on black. Raises BadModelFile."""
        person = person_of(self.joints(image))
        return pose.drawn([person] if any(person) else [], image.size)

    @torch.inference_mode()
    def joints(self, image: Image.Image) -> Array:
        """[17, 3]: x and y in pixels of the picture, and how sure. Raises BadModelFile."""
        pixels = self.seen(image).to(self.device)
        expert = {"dataset_index": torch.zeros(1, dtype=torch.long, device=self.device)} if self.network.config.backbone_config.num_experts > 1 else {}
        maps: Tensor = ran("pose network", lambda: self.network(pixel_values=pixels, **expert).heatmaps[0])
        return self.placed(maps.float().cpu().numpy(), image.size)

    def seen(self, image: Image.Image) -> Tensor:
        """[1, 3, H, W]: the picture with room around it, as the network sees it."""
        height, width = self.sides
        corner, box = self.box(image.size)
        scale = (np.array([width, height]) - 1) / box
        matrix = np.array([[scale[0], 0, -corner[0] * scale[0]], [0, scale[1], -corner[1] * scale[1]]])
        shown = cv2.warpAffine(np.asarray(image.convert("RGB")), matrix, (width, height), flags=cv2.INTER_LINEAR)
        return seen(Image.fromarray(shown), (width, height), *IMAGENET)

    def placed(self, maps: NDArray[np.float32], size: tuple[int, int]) -> Array:
        """maps [17, h, w] of a picture of this size -> as `joints`."""
        found = located(maps)
        corner, box = self.box(size)
        found[:, :2] = found[:, :2] * box / (np.array(maps.shape[:0:-1]) - 1) + corner
        return found

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        height, width = self.network.config.backbone_config.image_size
        return height, width

    def box(self, size: tuple[int, int]) -> tuple[Array, Array]:
        """Its upper left corner and its sides, in pixels of a picture of this size: around the whole picture, in the network's proportions."""
        height, width = self.sides
        across = max(size[0], size[1] * width / height) * ROOM
        box = np.array([across, across * height / width])
        return np.array(size) / 2 - box / 2, box


def located(maps: NDArray[np.float32]) -> Array:
    """maps [K, h, w] -> [K, 3]: column and row of the highest place of each, as finely as its bend tells, and its height."""
    found = np.zeros((len(maps), 3))
    for number, one in enumerate(maps):
        row, column = np.unravel_index(int(one.argmax()), one.shape)
        found[number] = column, row, one[row, column]
        smooth = cv2.GaussianBlur(one, (11, 11), BLUR, borderType=cv2.BORDER_REFLECT)
        near = np.pad(np.log(smooth.clip(LEAST, 50)).astype(float), 1, mode="edge")[row : row + 3, column : column + 3]
        slope = np.array([near[1, 2] - near[1, 0], near[2, 1] - near[0, 1]]) / 2
        both = (near[2, 2] - near[1, 2] - near[2, 1] + 2 * near[1, 1] - near[1, 0] - near[0, 1] + near[0, 0]) / 2
        bend = np.array([[near[1, 2] - 2 * near[1, 1] + near[1, 0], both], [both, near[2, 1] - 2 * near[1, 1] + near[0, 1]]])
        step = np.linalg.solve(bend + np.finfo(np.float32).eps * np.eye(2), slope)
        found[number, :2] -= step.clip(-1, 1)  # where a map is flat its bend says nothing
    return found


def person_of(joints: Array) -> pose.Person:
    """COCO's parts as OpenPose's."""
    sure = [pose.Joint(float(x), float(y), float(score)) if score > SURE else None for x, y, score in joints]
    one, other = (sure[number] for number in SHOULDERS)
    neck = pose.Joint((one.x + other.x) / 2, (one.y + other.y) / 2, min(one.score, other.score)) if one and other else None
    return tuple(neck if number == NECK else sure[number] for number in PARTS)


def load(path: Path, device: str) -> Person:
    """path: a folder of transformers. Raises BadModelFile."""
    with named(path.name), torch.inference_mode(False):
        config = read_json(path / "config.json")
        network = build.part("pose network", lambda: _made(config))
        build.fill(network, in_memory(network, Weights(weight_files(path), {**DTYPES, **INTEGERS})), str, torch.float32, "pose network")
        return Person(network.to(device), device)


def _made(config: Mapping[str, Any]) -> VitPoseForPoseEstimation:
    inner = VitPoseBackboneConfig(**chosen(table(config.get("backbone_config"), "vitpose_backbone"), BACKBONE))
    return VitPoseForPoseEstimation(VitPoseConfig(**chosen(config, HEAD), backbone_config=inner, num_labels=BODY))
