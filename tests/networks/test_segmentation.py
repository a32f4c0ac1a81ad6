"""Segmentation networks: as transformers runs them, in ADE20K's colours, and what is not believed of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.catalog.annotators import annotator
from modules.core.errors import BadModelFile
from modules.core.records.ade20k import CLASSES, COLOURS
from modules.networks import segmentation
from tests.networks import tiny_depth, tiny_segmentation
from tests.networks.test_depth import picture

SIZE = (96, 64)
TASK = [49406, 518, 10549, 533, 29119, 1550, 49407]
"""`<|startoftext|> the task is semantic <|endoftext|>` in CLIP's vocabulary."""


def classes(name: str, network: Any) -> Tensor:
    """What transformers' own class says of the picture, put together as its image processors do."""
    pixels = torch.from_numpy(np.array(picture(SIZE), np.float32)).permute(2, 0, 1)[None] / 255
    pixels = (pixels - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    told = {"task_inputs": torch.tensor([TASK + [0] * (77 - len(TASK))]).float()} if name == "oneformer" else {}
    with torch.inference_mode():
        out = network(pixel_values=pixels, **told)
        if "former" in name and name != "segformer":
            kinds, masks = out.class_queries_logits.softmax(-1)[..., :-1], out.masks_queries_logits.sigmoid()
            scores = (kinds[0, :, :, None, None] * masks[0, :, None]).sum(0)[None]
        else:
            scores = out.logits
        return interpolate(scores, (SIZE[1], SIZE[0]), mode="bilinear", align_corners=False)[0].argmax(0)


@pytest.mark.parametrize("name", tiny_segmentation.MAKERS)
def test_each_place_has_the_colour_of_its_class(name: str, tmp_path: Path) -> None:
    network = tiny_segmentation.made(name)
    place = tiny_depth.save(tmp_path / "net", network)
    card = annotator(place)
    assert card is not None and (card.kind, card.architecture, card.trouble) == ("annotator", name.split()[0], "")
    made = np.asarray(segmentation.load(place, "cpu").map(picture(SIZE)))
    expected = classes(name, network)
    assert len(expected.unique()) > 1, "it sees something"
    same = (made == np.array(COLOURS, np.uint8)[expected.numpy()]).all(-1)
    assert same.mean() > 0.999, "but for a place where two classes are as likely as one another"


def test_the_colours_are_those_of_the_dataset() -> None:
    assert (CLASSES, len(set(COLOURS)), COLOURS[0], COLOURS[2], COLOURS[12], COLOURS[149]) == (
        150,
        149,
        (120, 120, 120),
        (6, 230, 230),
        (150, 5, 61),
        (92, 0, 255),
    )


def test_one_of_other_classes_is_listed_with_the_reason(tmp_path: Path) -> None:
    network = tiny_segmentation.made("segformer")
    card = annotator(tiny_depth.save(tmp_path / "net", network, id2label={str(number): "street" for number in range(19)}))
    assert card is not None and "tells 19 classes" in card.trouble


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "bert"}, "kinds known"),
        ({"decoder_hidden_size": 64}, "shapes"),
        ({"depths": [10**7] * 4}, "out of range"),
        ({"hidden_sizes": "wide"}, "describes no network"),
        ({"auto_map": {"AutoModel": "evil.Evil"}, "backbone": "somebody/else", "use_timm_backbone": True}, ""),
    ],
)
def test_a_folder_that_is_not_in_order_is_refused(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    place = tiny_depth.save(tmp_path / "net", tiny_segmentation.made("segformer"), **change)
    if not word:
        assert segmentation.load(place, "cpu").map(Image.new("RGB", (32, 32))).size == (32, 32)
        return
    with pytest.raises(BadModelFile, match="net cannot be loaded") as refused:
        segmentation.load(place, "cpu")
    assert word in refused.value.what and refused.value.field == "control"
