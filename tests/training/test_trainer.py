"""Whole trainings of a tiny Stable Diffusion: what comes out is what everybody else reads, and the model is as before."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from modules.core.errors import InvalidRequest, NotFound, Unsupported
from modules.core.result import Cancel, Progress
from modules.core.training import TrainingRequest
from modules.engine.generate import Engine
from modules.training.curve import rows
from tests.training.conftest import Train
from tests.training.painting import beside

Draw = Callable[..., bytes]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def test_a_lora(train: Train, draw: Draw, engine: Engine, home: Path) -> None:
    before = draw("a thing")
    told: list[Progress] = []
    result = train(told=told, name="thing", trigger="thing", watching__sample_every=2, watching__prompts=["a thing"], steps=4)
    path = home / "models" / "Lora" / "thing.safetensors"
    with safe_open(path, "pt") as file:
        names, metadata = set(file.keys()), file.metadata()
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight" in names
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha" in names
    assert (metadata["ss_network_dim"], metadata["modelspec.trigger_phrase"], metadata["ss_steps"]) == ("8", "thing", "4")
    assert json.loads(metadata["easel.training"])["request"]["data"]["folder"] == "pictures", "no path of this machine"

    assert metadata["sshs_model_hash"] == hashlib.sha256(path.read_bytes()[8 + int.from_bytes(path.read_bytes()[:8], "little") :]).hexdigest()
    assert metadata["modelspec.hash_sha256"] == f"0x{metadata['sshs_model_hash']}" and len(metadata["sshs_legacy_hash"]) == 8
    assert str(home) not in json.dumps(metadata) and "/" not in metadata["ss_dataset_dirs"], "nothing of this machine"

    assert draw("a thing") == before, "the model is as it was, to the bit"
    worn = draw("a thing <lora:thing:1>")
    assert np.abs(pixels(worn) - pixels(before)).max() > 8
    assert (pixels(draw("a thing <lora:thing:0>")) == pixels(before)).all() and draw("a thing") == before

    run = home / "training" / "thing"
    assert [path.name for path in sorted((run / "samples").iterdir())] == [f"step-{step:08d}-01.png" for step in (0, 2, 4)]
    assert [row["step"] for row in rows(run / "curve.jsonl") if "measured" in row] == [0, 2, 4]
    assert result.pictures[0].path == run / "before-and-after.png" and Image.open(run / "before-and-after.png").size[1] > 128
    assert (path.parent / "thing.preview.png").read_bytes() == (run / "before-and-after.png").read_bytes(), "the card shows both"
    card = next(card for card in engine.shelf.files("lora") if card.name == "thing")
    assert not card.trouble and (path.parent / "thing.preview.png").is_file()
    assert json.loads((path.parent / "thing.json").read_text())["activation text"] == "thing"
    assert any(event.phase == "training" and event.step == 3 and event.note for event in told)


def test_a_paused_run_goes_on_as_if_nothing_had_been(train: Train, home: Path) -> None:
    train(name="whole")
    calls = iter(range(100))
    paused = train(name="parts", cancel=lambda: Cancel.STOP if next(calls) > 2 else Cancel.NONE)
    assert paused.cancelled is Cancel.STOP and not (home / "models" / "Lora" / "parts.safetensors").exists()
    assert "can be gone on with" in paused.notes[-1]
    with pytest.raises(InvalidRequest, match="There is a run"):
        train(name="parts")
    recipe = (home / "training" / "parts" / "recipe.json").read_bytes()
    with pytest.raises(InvalidRequest, match="laid out over 4 steps"):
        train(name="parts", resume=True, steps=3)
    assert (home / "training" / "parts" / "recipe.json").read_bytes() == recipe
    train(name="parts", resume=True)
    tensors = []
    for name in ("whole", "parts"):
        with safe_open(home / "models" / "Lora" / f"{name}.safetensors", "pt") as file:
            tensors.append({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    assert all((tensors[0][key] == tensors[1][key]).all() for key in tensors[0])
    curves = [[row.get("loss") for row in rows(home / "training" / name / "curve.jsonl")] for name in ("whole", "parts")]
    assert curves[0] == curves[1]


def test_what_a_paused_run_has_learnt_can_be_kept(train: Train, home: Path) -> None:
    """Also when its pictures are others meanwhile, with which it cannot go on."""
    calls, pictures = iter(range(100)), beside(home / "changing")
    train(name="ended", data__folder=str(pictures), cancel=lambda: Cancel.STOP if next(calls) > 2 else Cancel.NONE)
    caption = sorted(pictures.glob("*.txt"))[0]
    caption.write_text("something else")
    with pytest.raises(InvalidRequest, match=f"{caption.stem}.png has another caption"):
        train(name="ended", resume=True)
    done = [row["step"] for row in rows(home / "training" / "ended" / "curve.jsonl") if "loss" in row]
    result = train(name="ended", resume=True, keep=True)
    with safe_open(home / "models" / "Lora" / "ended.safetensors", "pt") as file:
        assert file.metadata()["ss_steps"] == str(done[-1])
    assert result.cancelled is Cancel.NONE and [row["step"] for row in rows(home / "training" / "ended" / "curve.jsonl") if "loss" in row] == done


def test_what_is_refused_before_anything_is_written(train: Train, home: Path) -> None:
    there = {path for path in home.rglob("*") if "hashes" not in path.name}
    refused: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"name": ""}, InvalidRequest, "no name"),
        ({"name": "../outside"}, InvalidRequest, "no usable name"),
        ({"name": "x", "data__folder": str(home / "nowhere")}, InvalidRequest, "no folder"),
        ({"name": "x", "model": "nobody"}, NotFound, "nobody"),
        ({"name": "nobody", "resume": True}, NotFound, "no run"),
        ({"name": "x", "learning__optimizer": "AdamW 8-bit"}, Unsupported, "8-bit"),
        ({"name": "x", "what": "unet"}, Unsupported, "single file"),
        ({"name": "x", "mixed": "fp16"}, Unsupported, "fp16"),
        ({"name": "x", "precision": "fp16"}, Unsupported, "fp16"),
        ({"name": "CACHE"}, InvalidRequest, "keeps for itself"),
    ]
    for values, error, match in refused:
        with pytest.raises(error, match=match):
            train(**values)
    assert {path for path in home.rglob("*") if "hashes" not in path.name} == there


def test_the_first_captions_are_drawn_where_nothing_else_is_asked_for(train: Train, home: Path) -> None:
    """As the flag's hint says, whoever begins it."""
    result = train(name="captioned", steps=1, watching__sample_every=1, watching__measure_every=0)
    assert isinstance(result.request, TrainingRequest) and result.request.watching.prompts == ("a 0 thing", "a 1 thing")
    assert len(list((home / "training" / "captioned" / "samples").iterdir())) == 4
