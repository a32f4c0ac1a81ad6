"""Face networks: found, told apart, drawn anew; files of the real names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modules.core.errors import BadModelFile
from modules.imaging.faces import PLACES
from modules.networks import face_detector, face_restorers
from modules.networks.face_detector import apart, guessed
from modules.networks.face_restorers import Restorer
from modules.networks.retinaface import RetinaFace
from tests.networks import small, small_faces


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> face_detector.Detector:
    return face_detector.load(small.save(tmp_path_factory.mktemp("faces") / "found.safetensors", small_faces.detector()), "cpu")


@pytest.fixture(scope="module")
def codeformer(tmp_path_factory: pytest.TempPathFactory) -> Restorer:
    return face_restorers.load(small.save(tmp_path_factory.mktemp("faces") / "codeformer.safetensors", small_faces.codeformer()), "cpu")


def face(side: int, seed: int = 1) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def test_the_detector_has_the_names_and_sizes_of_files_of_the_trade() -> None:
    with torch.device("meta"):
        tensors = RetinaFace(64, (3, 4, 6, 3), 256).state_dict()
    assert len(tensors) == 53 * 6 + 5 * 6 + 3 * 5 * 6 + 3 * 3 * 2  # ResNet-50 without its head, the pyramid, its contexts, the heads
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    known = {
        "body.layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "body.layer2.0.conv1.weight": (128, 256, 1, 1),
        "body.layer4.2.bn3.running_var": (2048,),
        "fpn.output3.0.weight": (256, 2048, 1, 1),
        "fpn.merge2.1.running_mean": (256,),
        "ssh1.conv3X3.0.weight": (128, 256, 3, 3),
        "ssh2.conv5X5_1.0.weight": (64, 256, 3, 3),
        "ssh3.conv7X7_2.1.bias": (64,),
        "ssh3.conv7x7_3.0.weight": (64, 64, 3, 3),
        "ClassHead.0.conv1x1.weight": (4, 256, 1, 1),
        "BboxHead.1.conv1x1.bias": (8,),
        "LandmarkHead.2.conv1x1.weight": (20, 256, 1, 1),
    }
    assert {name: shapes.get(name) for name in known} == known


def test_each_face_is_found_once_with_its_points(detector: face_detector.Detector) -> None:
    middles = [(20, 30), (55, 12)]
    found = detector.faces(np.asarray(small_faces.crowd(*middles)))
    wanted = [np.array([8 * column + 4, 8 * row + 4]) + (PLACES - 0.5) * small_faces.SIDE for column, row in middles]
    assert len(found) == 2
    for points in wanted:
        assert min(np.abs(points - other).max() for other in found) < 0.01
    assert not detector.faces(np.asarray(small_faces.crowd()))


@pytest.mark.parametrize("factor", [0.5, 4])
def test_pictures_of_other_sizes_are_looked_at_larger_or_smaller(detector: face_detector.Detector, factor: float) -> None:
    """A long side beyond LONGEST is brought down to it, a short one under SMALLEST up to it."""
    picture = small_faces.crowd((20, 30), (60, 60))
    side = round(640 * factor)
    found = detector.faces(np.asarray(picture.resize((side, side), Image.Resampling.NEAREST)))
    shown = min(max(side, 640), 2048)
    assert found and all(points.shape == (5, 2) for points in found)
    middle = found[-1].mean(0) * shown / side  # in the picture that was looked at, a box stands in the middle of a cell
    assert np.abs(found[0] - found[0].mean(0)).max() * shown / side == pytest.approx(np.abs((PLACES - PLACES.mean(0)) * small_faces.SIDE).max(), abs=0.01)
    assert middle.min() >= 0 and middle.max() <= shown


def test_the_network_s_guesses_go_row_by_row_and_reach_beyond_an_odd_edge() -> None:
    rows = guessed(17, 40)
    assert len(rows) == 2 * (3 * 5 + 2 * 3 + 1 * 2)
    assert rows[:4].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16], [12, 4, 32]]
    assert rows[-1].tolist() == [48, 16, 512]


def test_second_looks_at_one_face_fall_away() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [8, 8, 18, 18], [0, 0, 10, 10.0]])
    assert apart(boxes) == [0, 2]
    assert apart(boxes[:0]) == []


def test_codeformer_draws_anew_by_its_weight_and_the_same_every_time(codeformer: Restorer) -> None:
    assert codeformer.side == small_faces.SIDE
    given = face(codeformer.side)
    drawn = [codeformer.restore(given, weight) for weight in (0, 0.5, 1)]
    assert all(picture.shape == given.shape and picture.std() > 1 for picture in drawn)
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[1], drawn[2])
    assert np.array_equal(codeformer.restore(given, 0.5), drawn[1])
    assert not np.array_equal(codeformer.restore(face(codeformer.side, 2), 0.5), drawn[1])


def test_gfpgan_draws_the_same_every_time(tmp_path: Path) -> None:
    with small_faces.small_gfpgan() as tensors:
        restorer = face_restorers.load(small.save(tmp_path / "GFPGANv1.4.safetensors", {**tensors}), "cpu")
    assert restorer.side == 32
    drawn = restorer.restore(face(32))
    assert np.array_equal(drawn, restorer.restore(face(32))) and drawn.std() > 1
    assert not np.array_equal(drawn, restorer.restore(face(32, 2)))


def test_drawing_can_be_stopped_between_layers(codeformer: Restorer, detector: face_detector.Detector) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    for run in (lambda: codeformer.restore(face(codeformer.side), pause=stop), lambda: detector.faces(face(64), stop)):
        with pytest.raises(KeyboardInterrupt):
            run()
    assert codeformer.restore(face(codeformer.side)).any(), "and it works again"


def test_files_that_only_begin_like_face_networks_are_refused(tmp_path: Path) -> None:
    cut = {name: tensor for name, tensor in small_faces.codeformer().items() if not name.startswith("ft_layers.1.linear")}
    with pytest.raises(BadModelFile, match="codeformer.pth is no CodeFormer network"):
        face_restorers.load(small.save(tmp_path / "a.safetensors", cut), "cpu", "codeformer.pth")
    with pytest.raises(BadModelFile, match="draws faces"):
        face_restorers.load(small.save(tmp_path / "b.safetensors", small.esrgan()), "cpu")
    with pytest.raises(BadModelFile, match="b.safetensors is no RetinaFace"):
        face_detector.load(tmp_path / "b.safetensors", "cpu")
    shut = {name: tensor for name, tensor in small_faces.detector().items() if "ssh2" not in name}
    with pytest.raises(BadModelFile, match="detection"):
        face_detector.load(small.save(tmp_path / "c.safetensors", shut), "cpu")
