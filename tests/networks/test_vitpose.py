"""ViTPose: as transformers runs and reads it, and drawn as OpenPose's skeleton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation
from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

from modules.catalog.annotators import annotator
from modules.core.errors import BadModelFile
from modules.imaging import pose
from modules.networks import vitpose
from tests.networks import tiny_depth
from tests.networks.test_depth import picture


def made(experts: int = 1, simple: bool = True, parts: int = 17) -> Any:
    torch.manual_seed(3)
    sizes = {"image_size": [64, 48], "patch_size": [16, 16], "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "part_features": 4}
    inner = VitPoseBackboneConfig(**sizes, num_experts=experts, out_indices=[2])
    network = VitPoseForPoseEstimation(VitPoseConfig(backbone_config=inner, use_simple_decoder=simple, num_labels=parts))
    with torch.no_grad():
        for tensor in network.parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.3)
    return network.eval()


@pytest.mark.parametrize("size", [(90, 120), (160, 64)])
@pytest.mark.parametrize(("experts", "simple"), [(1, True), (3, True), (1, False)], ids=["plain", "of several kinds", "classic head"])
def test_its_joints_are_those_that_transformers_finds(tmp_path: Path, experts: int, simple: bool, size: tuple[int, int]) -> None:
    """With the whole picture as the person's box, against the library's own way to and from its maps."""
    network, image = made(experts, simple), picture(size)
    loaded = vitpose.load(tiny_depth.save(tmp_path / "net", network), "cpu")
    processor = VitPoseImageProcessorPil(size={"height": 64, "width": 48})
    boxes = [[[0.0, 0.0, float(size[0]), float(size[1])]]]
    inputs = processor(image, boxes=boxes, return_tensors="pt")
    shown = loaded.seen(image)
    assert float((shown - inputs["pixel_values"]).abs().median()) < 0.01, "but for the edge of a picture that is put into a box"
    with torch.no_grad():
        told = {"dataset_index": torch.zeros(1, dtype=torch.long)} if experts > 1 else {}
        out = network(pixel_values=shown, **told)
    (theirs,) = processor.post_process_pose_estimation(out, boxes=boxes)[0]
    found = loaded.joints(image)
    assert np.abs(found[:, 2] - theirs["scores"].numpy()).max() < 1e-4 * float(out.heatmaps.abs().max())
    apart = np.abs(found[:, :2] - theirs["keypoints"].numpy()).max(1)
    assert np.median(apart) < 0.01 and (apart < 2 * max(size) / 12).all(), "where a map of noise is flat, the library goes any distance, and this a cell"


def test_between_two_cells_the_bend_of_a_map_tells() -> None:
    rows, columns = np.mgrid[0:16, 0:12].astype(np.float32)
    maps = np.stack([np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8) for x, y in ((5.3, 7.6), (4.0, 9.2))]).astype(np.float32)
    assert np.abs(vitpose.located(maps)[:, :2] - [(5.3, 7.6), (4.0, 9.2)]).max() < 0.05
    assert np.isfinite(vitpose.located(np.zeros((1, 16, 12), np.float32))).all()


def test_cocos_parts_become_openposes() -> None:
    joints = np.array([[10.0 * number, number, 0.9] for number in range(17)])
    person = vitpose.person_of(joints)
    assert len(person) == pose.PARTS and all(person)
    assert [round(joint.x / 10, 1) for joint in person if joint] == [0, 5.5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    joints[6, 2] = 0.1
    assert [part for part, joint in enumerate(vitpose.person_of(joints)) if joint is None] == [1, 2], "without a shoulder no neck"


def test_it_is_listed_and_draws(tmp_path: Path) -> None:
    place = tiny_depth.save(tmp_path / "net", made())
    card = annotator(place)
    assert card is not None and (card.architecture, card.trouble) == ("vitpose", "")
    loaded = vitpose.load(place, "cpu")
    assert loaded.map(picture((40, 70))).size == (40, 70)
    hands = annotator(tiny_depth.save(tmp_path / "hands", made(parts=21)))
    assert hands is not None and "21 parts" in hands.trouble
    with pytest.raises(BadModelFile, match="wide cannot be loaded"):
        vitpose.load(tiny_depth.save(tmp_path / "wide", made(), backbone_config={"model_type": "vitpose_backbone", "hidden_size": 32}), "cpu")
