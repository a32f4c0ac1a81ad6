"""Metadata of a trained LoRA: what other tools read of it, and nothing of the machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from modules.catalog import old_hashes
from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.paths import Paths
from modules.core.training import Adapter, Pictures, Prior, TrainingRequest
from modules.engine import loras
from modules.training import dataset
from modules.training.dataset import Entry
from modules.training.lora_file import Done, hashed, metadata
from modules.training.views import Views
from tests.training.painting import folder, picture


@pytest.fixture
def done(tmp_path: Path) -> Done:
    """Five square pictures and a wide one; two of other things."""
    place = folder(tmp_path / "home of ann" / "kites", 5, caption="a kite, sky, {}")
    picture(9, 128, 64).save(place / "wide.png")
    pictures = Pictures(folder=str(place), side=64)
    others = [Entry(path, path.name, "a cat", True) for path in (tmp_path / "prior" / "0.png", tmp_path / "prior" / "1.png")]
    own = dataset.read(place)[0]
    return Done(30, own, others, Views(pictures, 64, 8, 1), 1000.4)


def told(done: Done, card: Card, **values: object) -> dict[str, str]:
    request = TrainingRequest(name="kite", trigger="kite", batch=2, steps=100, data=done.views.pictures, prior=Prior(share=0.25), **values)  # type: ignore[arg-type]
    return metadata(request, card, "eps", 512, done)


def test_what_kohyas_readers_ask_for(done: Done, tmp_path: Path) -> None:
    model = tmp_path / "base.safetensors"
    model.write_bytes(bytes(range(256)) * 5000)
    card = Card(path=model, name="base", family="sd1", sha256="ab" * 32)
    found = told(done, card, adapter=Adapter(rank=4, alpha=2, layers="everything"))
    assert json.loads(found["ss_network_args"]) == {"conv_dim": 4, "conv_alpha": 2.0}
    assert (found["ss_sd_model_hash"], found["ss_new_sd_model_hash"]) == (old_hashes.autov1(model), "ab" * 32)
    assert (found["ss_num_train_images"], found["ss_num_reg_images"], found["ss_total_batch_size"]) == ("6", "2", "2")
    assert (found["ss_epoch"], found["ss_num_epochs"]) == ("8", "25"), "30 steps of 2, a quarter of other things, are 45 looks at 6 pictures"
    assert found["ss_training_started_at"] == "1000" and int(found["ss_training_finished_at"]) > 1000
    assert json.loads(found["ss_dataset_dirs"]) == {"kites": {"n_repeats": 1, "img_count": 6}}
    assert json.loads(found["ss_reg_dataset_dirs"]) == {"prior": {"n_repeats": 1, "img_count": 2}}
    tags = json.loads(found["ss_tag_frequency"])["kites"]
    assert tags["a kite"] == tags["sky"] == 5 and tags["kite"] == 1 and tags["0"] == 1, "the picture without a caption has the trigger"
    buckets = json.loads(found["ss_bucket_info"])
    assert {tuple(row["resolution"]): row["count"] for row in buckets["buckets"].values()} == {(64, 64): 5, (80, 48): 1}
    assert buckets["mean_img_ar_error"] == pytest.approx(abs(2 - 80 / 48) / 6, abs=1e-6)


def test_a_folder_of_a_model_and_plain_layers_have_no_such_rows(done: Done, tmp_path: Path) -> None:
    found = told(done, Card(path=tmp_path, name="base", family="sd1", sha256="ab" * 32))
    assert not {"ss_network_args", "ss_sd_model_hash", "ss_new_sd_model_hash"} & set(found)


def test_nothing_private_goes_into_it(done: Done, tmp_path: Path) -> None:
    said = json.dumps(told(done, Card(path=tmp_path / "base.safetensors", name="base", family="sd1")))
    assert "home of ann" not in said and str(tmp_path) not in said and tmp_path.name not in said


def test_its_hashes_are_those_by_which_it_is_found(tmp_path: Path) -> None:
    """Also by a catalog whose file's header somebody changed."""
    dice = torch.Generator().manual_seed(1)
    tensors = {f"lora_unet_{name}.lora_up.weight": torch.randn(300, 900, generator=dice) for name in "ab"}
    plain = {"ss_network_dim": "4", "modelspec.title": "x"}
    found = hashed(tensors, plain)
    bare = save(tensors, {"ss_network_dim": "4"})
    assert found["sshs_legacy_hash"] == hashlib.sha256(bare[0x100000:0x110000]).hexdigest()[:8]
    path = tmp_path / "models" / "Lora" / "x.safetensors"
    path.parent.mkdir(parents=True)
    save_file(tensors, path, {**found, "note": "somebody's own"})
    library = Library(Paths(data=tmp_path, models=tmp_path / "models"), HashCache(tmp_path / "hashes.db"))
    card = next(card for card in library.files("lora") if card.name == "x")
    assert library.weights_hash(card) == found["sshs_model_hash"] == found["modelspec.hash_sha256"].removeprefix("0x")
    assert loras.find("another name", library, found["sshs_model_hash"]) == card
