"""The other things that can be trained: a textual inversion, a whole UNet, an autoencoder."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from modules.core.result import Cancel
from modules.prompt import embeddings
from modules.training.curve import rows
from modules.training.perceptual import Perceptual
from tests.training.conftest import Train

Draw = Callable[..., bytes]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def losses(home: Path, name: str) -> list[float]:
    return [row["loss"] for row in rows(home / "training" / name / "curve.jsonl") if "loss" in row]


def test_a_textual_inversion(train: Train, draw: Draw, home: Path) -> None:
    before = draw("a photo of wordling", sampler="DPM++ 2M", schedule="Karras", cfg_scale=7.5)
    values = {"inversion__vectors": 2, "inversion__start": "cat", "loss__dropout": 0.5, "learning__rate": 0.5, "learning__decay": 0.0}
    train(name="wordling", what="inversion", watching__sample_every=4, watching__prompts=["a photo of wordling"], **values)
    assert json.loads((home / "models" / "embeddings" / "wordling.json").read_text())["activation text"] == "wordling", "its card puts it into the prompt"
    learnt = embeddings.load(home / "models" / "embeddings" / "wordling.safetensors")
    assert learnt.shape == (2, 64)
    first, last = (load_file(home / "training" / "wordling" / "checkpoints" / f"step-{step:08d}.safetensors")["module.vectors"] for step in (2, 4))
    assert not torch.equal(first, last) and torch.equal(last, learnt), "it learns"
    how = {"sampler": "DPM++ 2M", "schedule": "Karras", "cfg_scale": 7.5}
    after = pixels(draw("a photo of wordling", **how))
    assert np.abs(after - pixels(before)).max() > 4, "the word means something now"
    sample = home / "training" / "wordling" / "samples" / "step-00000004-01.png"
    assert np.abs(pixels(sample.read_bytes()) - after).max() <= 1, "the samples showed the very word"


def test_a_whole_unet(train: Train, draw: Draw, home: Path) -> None:
    before = draw("a thing", model="spread")
    train(name="learnt", what="unet", model="spread", learning__rate=0.003, learning__ema=0.5, checkpointing=True)
    assert draw("a thing", model="spread") == before, "the model that was borrowed is thrown away"
    assert np.abs(pixels(draw("a thing", model="learnt")) - pixels(before)).max() > 8
    assert sorted(path.name for path in (home / "models" / "Stable-diffusion").iterdir()) == [
        "learnt",
        "learnt.json",
        "spread",
        "tiny.safetensors",
        "tiny.yaml",
    ]


def test_an_autoencoder(train: Train, draw: Draw, home: Path) -> None:
    train(name="sharper", what="autoencoder", model="spread", steps=8, learning__rate=0.003, learning__warmup=0.0, watching__sample_every=8)
    shown = [pixels((home / "training" / "sharper" / "samples" / f"step-{step:08d}-01.png").read_bytes()) for step in (0, 8)]
    assert (shown[0][:64] == shown[1][:64]).all() and (shown[0][:64] == pixels((home / "pictures" / "0.png").read_bytes())).all(), "the picture itself above"
    assert [np.abs(one[64:] - one[:64]).mean() > 0 for one in shown] == [True, True] and np.abs(shown[0][64:] - shown[1][64:]).max() > 0
    assert (home / "training" / "sharper" / "before-and-after.png").is_file()
    fallen = [row["measured"]["mae"] for row in rows(home / "training" / "sharper" / "curve.jsonl") if "measured" in row]
    assert fallen[-1] < 0.97 * fallen[0]
    plain, other = draw("a thing", model="spread"), draw("a thing", model="spread", vae="sharper")
    assert np.abs(pixels(plain) - pixels(other)).mean() > 4


def test_enough_keeps_what_was_learnt(train: Train, home: Path) -> None:
    calls = iter(range(100))
    result = train(name="enough", cancel=lambda: Cancel.SKIP if next(calls) > 1 else Cancel.NONE)
    assert result.cancelled is Cancel.NONE and len(losses(home, "enough")) == 2
    assert (home / "models" / "Lora" / "enough.safetensors").is_file()


def test_dropped_captions_teach_what_is_without_a_text(train: Train, home: Path, draw: Draw) -> None:
    """Where every caption is dropped, captions cannot matter; where none is, the words of each picture do."""
    for share in (1.0, 0.0):
        train(name=f"dropped-{share:g}", loss__dropout=share, steps=2, watching__measure_every=0)
        train(name=f"dropped-{share:g}-silent", loss__dropout=share, steps=2, watching__measure_every=0, trigger="otherwise")
    assert losses(home, "dropped-1") == losses(home, "dropped-1-silent")
    assert losses(home, "dropped-0") != losses(home, "dropped-0-silent")


def test_other_things_are_drawn_first_and_kept(train: Train, home: Path) -> None:
    result = train(name="kept", prior__prompts=["a cat", "a dog"], prior__share=0.5, steps=2)
    assert len(list((home / "training" / "kept" / "prior").glob("*.png"))) == 2 and result.request.prior.share == 0.5
    train(name="alone", prior__share=0.5, steps=2)
    assert losses(home, "kept") != losses(home, "alone"), "they are trained on"
    assert not any(row.get("held_out") for row in rows(home / "training" / "kept" / "curve.jsonl")), "nobody is measured with them"


def test_perceptual_distance() -> None:
    dice = torch.Generator().manual_seed(1)
    picture = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8, generator=dice) * 2 - 1, 64, mode="bilinear")
    network = Perceptual()
    blurred = torch.nn.functional.avg_pool2d(picture, 5, 1, 2)
    noisy = picture + 0.3 * torch.randn(picture.shape, generator=dice)
    near, far = network(picture, blurred), network(picture, noisy)
    assert network(picture, picture).abs().max() < 1e-6 and (near > 0).all() and (far > near).all()
    assert torch.equal(Perceptual()(picture, noisy), far), "the same network everywhere"
