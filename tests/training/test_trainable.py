"""What cannot be trained is refused by its card and the request alone; what can is let through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.params import with_values
from modules.core.training import TrainingRequest
from modules.training.trainable import refuse

EIGHT = {"learning.optimizer": "AdamW 8-bit"}


def card(folder: Path, family: str = "sd1", variant: str = "", single: bool = True) -> Card:
    path = folder / "model.safetensors" if single else folder
    return Card(path=path, name="model", family=family, variant=variant)


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("variant", ["", "vpred"])
def test_what_can_be_trained(tmp_path: Path, family: str, variant: str) -> None:
    for what in ("lora", "inversion", "autoencoder"):
        refuse(with_values(TrainingRequest(name="x"), {"what": what}), card(tmp_path, family, variant), "cpu")
    refuse(with_values(TrainingRequest(name="x"), {"what": "unet", "mixed": "bf16"}), card(tmp_path, family, variant, single=False), "cpu")
    refuse(with_values(TrainingRequest(name="x"), {"mixed": "fp16"}), card(tmp_path, family, variant), "")


@pytest.mark.parametrize(
    ("values", "which", "device", "words"),
    [
        ({"what": "unet"}, {}, "", "single file"),
        ({}, {"family": "flux"}, "", "no UNet"),
        ({"what": "autoencoder"}, {"family": "sd3"}, "", "no UNet"),
        ({}, {"family": "pipeline"}, "", "own pipeline"),
        ({}, {"family": ""}, "", "own pipeline"),
        ({}, {"variant": "inpainting"}, "", "inpainting"),
        ({"mixed": "fp16"}, {}, "cpu", "fp16"),
        ({"precision": "fp16"}, {}, "cpu", "fp16"),
        ({"mixed": "fp16", "resume": True}, {}, "cpu", "fp16"),
    ],
)
def test_what_cannot(tmp_path: Path, values: Mapping[str, Any], which: dict[str, Any], device: str, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        refuse(with_values(TrainingRequest(name="x"), values), card(tmp_path, **which), device)


def test_the_optimizer_in_8_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs bitsandbytes, and a GPU as far as one knows."""
    request = with_values(TrainingRequest(name="x"), EIGHT)
    (tmp_path / "bitsandbytes.py").write_text("raise ImportError('looked for, never imported')")
    for there in (False, True):
        for device, words in (
            ("", "" if there else "not installed"),
            ("cuda:0", "" if there else "not installed"),
            ("cpu", "run on cpu" if there else "not installed"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr("sys.path", [str(tmp_path)] if there else [])
                if not words:
                    refuse(request, card(tmp_path), device)
                    continue
                with pytest.raises(Unsupported, match=words):
                    refuse(request, card(tmp_path), device)
