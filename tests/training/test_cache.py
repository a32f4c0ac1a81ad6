"""What the frozen networks made is kept, and never what is no number: an autoencoder that overflows in half precision works in fp32 instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.errors import NotNumbers
from modules.core.paths import Paths
from modules.families import FAMILIES_BY_NAME
from modules.training.buckets import view
from modules.training.cache import Cache
from modules.training.dataset import Entry
from modules.training.learning import Latents
from tests.engine.faults import LOUD, NAN, louder, spoilt
from tests.networks import tiny
from tests.training.painting import picture

SEEN = view((64, 64), (64, 64), "center")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Three checkpoints: a plain one, one whose autoencoder overflows in half precision, and one whose weights are no numbers."""
    data = tmp_path_factory.mktemp("latents")
    folder, whole = data / "models" / "Stable-diffusion", tiny.ldm_tensors(*tiny.parts())
    tiny.save_single(folder / "plain.safetensors", whole)
    tiny.save_single(folder / "loud.safetensors", louder(whole, {"first_stage_model.encoder.conv_in.weight": 8 * LOUD}))
    tiny.save_single(folder / "broken.safetensors", spoilt(whole, "encoder.conv_in.weight", NAN))
    picture(1).save(data / "a.png")
    return Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))


def latents(library: Library, name: str, kept: Cache, vae: torch.dtype) -> Latents:
    card = library.checkpoint(name)
    family = FAMILIES_BY_NAME[card.family]
    return Latents(family, family.load(card, "cpu", torch.float32, vae), card, kept)


@pytest.fixture
def entry(library: Library) -> Entry:
    return Entry(library.paths.data / "a.png", "a.png")


def test_an_autoencoder_that_overflows_is_used_in_fp32(library: Library, entry: Entry, tmp_path: Path) -> None:
    half = latents(library, "loud", Cache(tmp_path / "half"), torch.float16)
    assert not half.family.encode_image(half.model, torch.ones(1, 3, 64, 64)).isfinite().all(), "it does overflow"
    whole = latents(library, "loud", Cache(tmp_path / "whole"), torch.float32)
    assert torch.equal(half(entry, SEEN), whole(entry, SEEN)) and half(entry, SEEN).isfinite().all()
    assert next(half.model.parts["vae"].parameters()).dtype == torch.float16, "the borrowed model is as it was"
    (file,) = (tmp_path / "half").rglob("*.safetensors")
    file.write_bytes(save({"latent": torch.full_like(half(entry, SEEN), NAN)}))
    again = latents(library, "loud", Cache(tmp_path / "half"), torch.float16)
    assert torch.equal(again(entry, SEEN), whole(entry, SEEN)), "what an earlier run kept so is made anew"
    assert load(file.read_bytes())["latent"].isfinite().all()


def test_half_precision_is_kept_where_it_suffices(library: Library, entry: Entry, tmp_path: Path) -> None:
    half = latents(library, "plain", Cache(tmp_path / "half"), torch.float16)
    whole = latents(library, "plain", Cache(tmp_path / "whole"), torch.float32)
    assert 0 < (half(entry, SEEN) - whole(entry, SEEN)).abs().max() < 0.1


def test_an_autoencoder_without_numbers_is_said_and_leaves_nothing(library: Library, entry: Entry, tmp_path: Path) -> None:
    broken = latents(library, "broken", Cache(tmp_path / "kept"), torch.float16)
    with pytest.raises(NotNumbers, match=r"broken makes not-a-number of a\.png"):
        broken(entry, SEEN)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_nothing_that_is_no_number_is_kept(tmp_path: Path) -> None:
    kept, answers = Cache(tmp_path), [torch.tensor([1.0, NAN]), torch.ones(2)]
    assert not kept.get({"what": "text"}, lambda: {"context": answers[0]})["context"].isfinite().all()
    assert not list(tmp_path.rglob("*.safetensors"))
    assert torch.equal(kept.get({"what": "text"}, lambda: {"context": answers[1]})["context"], answers[1])
