"""Textual inversions of every form in whole runs: they change the picture as the same vectors in any other file do; those of another kind are said."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from tests.engine.conftest import pixels
from tests.networks import tiny


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("inversions")
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    place = data / "models" / "embeddings"
    place.mkdir()
    vectors = torch.randn(2, tiny.WIDTH, generator=torch.Generator().manual_seed(1)).half().float()
    save_file({"emb_params": vectors}, place / "plainform.safetensors")
    save_file({"<token>": vectors}, place / "diffusersform.safetensors")
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "x", "step": 1}, place / "pickledform.pt")
    torch.save({"<token>": vectors}, place / "binform.bin")
    info = PngInfo()
    info.add_text("sd-ti-embedding", base64.b64encode(json.dumps({"string_to_param": {"*": {"TORCHTENSOR": vectors.tolist()}}}).encode()).decode())
    Image.new("RGB", (8, 8)).save(place / "picturedform.png", pnginfo=info)
    Image.new("RGB", (8, 8)).save(place / "plainform.png")
    save_file({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, place / "sdxlform.safetensors")
    save_file({"emb_params": torch.zeros(2, 48)}, place / "oddform.safetensors")
    library = Library(Paths(data=data, models=data / "models"), HashCache(None))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), converted=data / "converted")


def draw(engine: Engine, prompt: str) -> Result:
    tree = {"prompt": prompt, "model": "tiny", "width": 64, "height": 64, "steps": 1, "seed": 1, "sampler": "Euler"}
    return engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)


@pytest.mark.parametrize("name", ["diffusersform", "pickledform", "binform", "picturedform"])
def test_every_form_of_the_same_vectors_draws_the_same(engine: Engine, name: str) -> None:
    wanted, found = draw(engine, "a plainform cat").pictures[0], draw(engine, f"a {name} cat").pictures[0]
    assert np.array_equal(pixels(found), pixels(wanted))
    assert list(found.request.embeddings) == [name] and f'TI hashes: "{name}: ' in found.infotext
    assert not np.array_equal(pixels(found), pixels(draw(engine, "a cat").pictures[0]))


def test_one_for_another_family_is_said_and_read_as_words(engine: Engine) -> None:
    result = draw(engine, "a sdxlform cat")
    assert result.notes == ("The embedding sdxlform was made for SDXL, so its name was read as plain words.",)
    assert not result.request.embeddings


def test_one_of_another_width_is_said(engine: Engine) -> None:
    (note,) = draw(engine, "an oddform cat").notes
    assert "oddform has vectors of 48 numbers and this model takes 64" in note


def test_pictures_beside_an_embedding_are_none(engine: Engine) -> None:
    assert sorted(Path(card.path).name for card in engine.shelf.embeddings() if card.name == "plainform") == ["plainform.safetensors"]
