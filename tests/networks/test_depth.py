"""Depth networks: as transformers runs them, and what is not believed of a folder that somebody made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from modules.catalog.annotators import annotator, found
from modules.core.errors import BadModelFile
from modules.networks import depth
from tests.networks import tiny_depth

MADE: dict[str, Callable[[], Any]] = {"dpt": tiny_depth.dpt, "depth_anything": tiny_depth.depth_anything}


def picture(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", MADE)
def test_the_map_is_that_of_the_network(kind: str, tmp_path: Path) -> None:
    """At the size of its training, where no picture is resized, against the class itself."""
    network = MADE[kind]()
    loaded = depth.load(tiny_depth.save(tmp_path / "net", network), "cpu")
    image = picture((loaded.side, loaded.side))
    mean, deviation = depth.MEANS[kind]
    pixels = (torch.from_numpy(np.array(image, np.float32)).permute(2, 0, 1) / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
    with torch.inference_mode():
        near = network(pixels[None]).predicted_depth
    whole = interpolate(near[None], size=(loaded.side, loaded.side), mode="bicubic", align_corners=False)[0, 0]
    assert whole.std() > 0, "it sees something"
    expected = (255 * (whole - whole.min()) / (whole.max() - whole.min())).numpy()
    made = np.asarray(loaded.map(image)).astype(float)
    assert np.abs(made - expected[:, :, None]).max() < 1
    assert np.ptp(made) == 255 and np.array_equal(made, np.asarray(loaded.map(image)))


@pytest.mark.parametrize("kind", MADE)
def test_any_picture_has_a_map_of_its_own_size(kind: str, tmp_path: Path) -> None:
    loaded = depth.load(tiny_depth.save(tmp_path / "net", MADE[kind]()), "cpu")
    for size in ((1, 1), (7, 300), (64, 40)):
        assert loaded.map(picture(size)).size == size
        assert max(loaded.seen(size)) <= depth.LONGEST * loaded.side + loaded.multiple


def test_metres_are_turned_about(tmp_path: Path) -> None:
    metric = tiny_depth.depth_anything(depth_estimation_type="metric", max_depth=20)
    far = depth.load(tiny_depth.save(tmp_path / "far", metric), "cpu")
    near = depth.Depth(far.network, far.kind, far.side, far.multiple, False, "cpu")
    one, other = (np.asarray(way.map(picture((28, 28)))).astype(float).ravel() for way in (far, near))
    assert float(np.corrcoef(one, other)[0, 1]) < -0.5


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "bert"}, "kinds known"),
        ({"model_type": ["dpt"]}, "kinds known"),
        ({"hidden_size": 32}, "shapes"),
        ({"num_hidden_layers": 10**6}, "out of range"),
        ({"image_size": 10**5}, ""),
        ({"image_size": [32, 32]}, "which cannot be"),
        ({"neck_hidden_sizes": "wide"}, "describes no network"),
        ({"is_hybrid": True, "backbone_config": {"model_type": "bit", "depths": [10**7]}}, "out of range"),
        ({"backbone_config": {"model_type": "swinv2"}}, "plain and the hybrid"),
    ],
)
def test_a_folder_that_is_not_in_order_is_refused(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    place = tiny_depth.save(tmp_path / "net", tiny_depth.dpt(), **change)
    with pytest.raises(BadModelFile, match="net cannot be loaded") as refused:
        depth.load(place, "cpu")
    assert word in refused.value.what and refused.value.field == "control"


def test_nothing_that_names_code_or_another_place_is_followed(tmp_path: Path) -> None:
    change = {"auto_map": {"AutoModel": "evil.Evil"}, "backbone": "somebody/else", "use_timm_backbone": True, "use_pretrained_backbone": True}
    place = tiny_depth.save(tmp_path / "net", tiny_depth.dpt(), **change)
    (place / "evil.py").write_text("raise SystemExit", "utf-8")
    assert depth.load(place, "cpu").map(picture((32, 32))).size == (32, 32)


def test_which_folders_are_listed(tmp_path: Path) -> None:
    tiny_depth.save(tmp_path / "plain", tiny_depth.dpt())
    tiny_depth.save(tmp_path / "models--some--hub-one" / "snapshots" / "abc", tiny_depth.depth_anything())
    (tiny_depth.save(tmp_path / "pickled", tiny_depth.dpt()) / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    tiny_depth.save(tmp_path / "other", tiny_depth.dpt(), architectures=["DPTForSemanticSegmentation"])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "config.json").write_text(json.dumps({"model_type": "bert"}), "utf-8")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "config.json").write_text("{", "utf-8")
    (tmp_path / "round").symlink_to(tmp_path)
    cards = {card.name: card for card in found([tmp_path, tmp_path, tmp_path / "nowhere"])}
    assert {name: (card.architecture, bool(card.trouble)) for name, card in cards.items()} == {
        "plain": ("dpt", False),
        "hub-one": ("depth_anything", False),
        "pickled": ("dpt", True),
    }
    assert "safetensors" in cards["pickled"].trouble and cards["plain"].precision == "fp32" and cards["plain"].size > 0
    assert annotator(tmp_path / "text") is None


def test_sizes_that_do_not_fit_one_another_are_no_traceback(tmp_path: Path) -> None:
    loaded = depth.load(tiny_depth.save(tmp_path / "net", tiny_depth.dpt(), backbone_out_indices=[0, 1]), "cpu")
    with pytest.raises(BadModelFile, match="cannot look at a picture"):
        loaded.map(picture((32, 32)))
