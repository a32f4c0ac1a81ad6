"""Finds faces: a picture -> five points of each face in it, by RetinaFace. Widths and depths of the network are the file's.

Sources: the paper (`networks.retinaface`); the numbers are those with which facexlib's networks are trained. Knows no request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from modules.core.errors import BadModelFile, NotNumbers
from modules.memory.device import is_out_of_memory
from modules.networks.retinaface import STRIDES, RetinaFace
from modules.networks.upscalers import Pause, interruptible
from modules.networks.weights import DTYPES, INTEGERS, Weights

MEAN = (104.0, 117.0, 123.0)
"""Of blue, green and red, which networks of this kind see in this order."""
SIZES = ((16, 32), (64, 128), (256, 512))
"""Sides of the two boxes that each place of a level guesses from, in pixels."""
SPREAD = 0.1
"""Guesses are told in tenths of their box."""
SURE = 0.97
"""Least score of a face: facexlib's for restoring."""
SAME = 0.4
"""Two boxes that share more of their area than this are one face."""
SMALLEST, LONGEST = 640, 2048
"""Pixels: a picture is looked at with a short side of at least the one and a long side of at most the other, which bounds the memory."""


@dataclass(frozen=True)
class Detector:
    """network: in fp32 on its device. name: of the file that the user knows."""

    network: RetinaFace
    device: str
    name: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return sum(tensor.nbytes for tensor in self.network.parameters())

    @torch.inference_mode()
    def faces(self, picture: np.ndarray, pause: Pause = lambda: None) -> list[np.ndarray]:
        """picture uint8 [H, W, 3], red first -> [5, 2] of each face, x and y in pixels, in the order of `imaging.faces.PLACES`; the surest first.
        Raises NotNumbers."""
        height, width = picture.shape[:2]
        scale = min(max(1, SMALLEST / min(height, width)), LONGEST / max(height, width))
        seen = picture
        if scale != 1:
            size = (max(round(width * scale), 1), max(round(height * scale), 1))
            seen = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        pixels = torch.from_numpy(seen[..., ::-1].astype(np.float32) - MEAN).permute(2, 0, 1)[None].to(self.device, torch.float32)
        with interruptible(self.network, pause):
            scores, boxes, points = (values.cpu().numpy() for values in self.network(pixels))
        if not all(np.isfinite(values).all() for values in (scores, boxes, points)):
            raise NotNumbers(f"The face detector {self.name} made not-a-number of a picture.", "Download it again.", "faces")
        kept = scores > SURE
        guesses = guessed(*seen.shape[:2])[kept]
        order = np.argsort(-scores[kept], kind="stable")
        rows = apart(corners(boxes[kept], guesses)[order])
        return [spots / scale for spots in spotted(points[kept], guesses)[order][rows]]


def guessed(height: int, width: int) -> np.ndarray:
    """[guesses, 3]: middle x, middle y and side of the boxes that the network guesses from, in pixels, in its own order."""
    levels = []
    for stride, sides in zip(STRIDES, SIZES, strict=True):
        rows, columns = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        places = np.stack([(columns + 0.5) * stride, (rows + 0.5) * stride], -1).reshape(-1, 1, 2).repeat(len(sides), 1)
        levels.append(np.concatenate([places, np.broadcast_to(np.array(sides, float)[:, None], (*places.shape[:2], 1))], -1).reshape(-1, 3))
    return np.concatenate(levels)


def corners(told: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """told [n, 4], guesses [n, 3] -> left, top, right, bottom of each box."""
    middle = guesses[:, :2] + told[:, :2] * SPREAD * guesses[:, 2:]
    half = guesses[:, 2:] * np.exp(told[:, 2:] * 2 * SPREAD) / 2
    return np.hstack([middle - half, middle + half])


def spotted(told: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """told [n, 10], guesses [n, 3] -> points [n, 5, 2]."""
    return guesses[:, None, :2] + told.reshape(-1, 5, 2) * SPREAD * guesses[:, None, 2:]


def apart(boxes: np.ndarray) -> list[int]:
    """Rows of the boxes, best first, that are no second look at one before them."""
    kept: list[int] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for row, box in enumerate(boxes):
        sides = np.minimum(boxes[kept, 2:], box[2:]) - np.maximum(boxes[kept, :2], box[:2])
        shared = np.prod(sides.clip(0), axis=1)
        if not np.any(shared > SAME * (areas[kept] + areas[row] - shared)):
            kept.append(row)
    return kept


def load(path: Path, device: str, name: str = "") -> Detector:
    """path: a safetensors file. name: of the file that the user knows. Raises BadModelFile."""
    name = name or path.name
    weights = Weights([path], {**DTYPES, **INTEGERS})
    tensors = {key.removeprefix("module."): value for key, value in weights.read(weights.shapes).items()}
    try:
        width, channels = tensors["body.conv1.weight"].shape[0], tensors["fpn.output1.0.weight"].shape[0]
        network = RetinaFace(width, _depths(tensors), channels)
        network.load_state_dict(tensors)
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:200]
        raise BadModelFile(f"{name} is no RetinaFace network on a ResNet-50: {reason}", "Take detection_Resnet50_Final.pth.") from None
    return Detector(network.to(device, torch.float32).eval().requires_grad_(False), device, name)


def _depths(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    found = [re.fullmatch(r"body\.layer([1-4])\.(\d+)\.conv1\.weight", name) for name in tensors]
    return tuple(1 + max(int(match[2]) for match in found if match and match[1] == str(stage)) for stage in (1, 2, 3, 4))
