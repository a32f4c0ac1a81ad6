"""What a model's own scheduler config says it predicts: eps, v or x0, from the folder on the disk to the pixels."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.groups.sampling import Text
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.families import FAMILIES_BY_NAME
from modules.families.family import NetworkCall
from modules.imaging import pixels
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, c_in
from tests.networks import tiny

TOLD = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}
SAMPLERS = ("Euler", "DPM++ 2M", "DDIM", "UniPC", "DDPM (diffusers)", "SA-Solver (diffusers)")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The same weights three times, each said to predict something else."""
    data = tmp_path_factory.mktemp("predictions")
    folder = tiny.save_folder(data / "models" / "Stable-diffusion" / "eps", *tiny.parts())
    for name in ("v", "x0"):
        copy = folder.with_name(name)
        copy.mkdir()
        for part in folder.iterdir():
            if part.name != "scheduler":
                (copy / part.name).symlink_to(part)
        (copy / "scheduler").mkdir()
        table = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps({**table, "prediction_type": TOLD[name]}))
    library = Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))


def drawn(engine: Engine, model: str, **values: object) -> np.ndarray:
    wish = {"prompt": "a cat", "width": 64, "height": 64, "steps": 4, "seed": 1, "sampler": "Euler", "cfg_scale": 1.0, "model": model, **values}
    (picture,) = engine.run(from_dict(GenerationRequest, wish), lambda event: None, lambda: Cancel.NONE, save=False).pictures
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", TOLD)
def test_one_step_by_hand(engine: Engine, name: str) -> None:
    """Euler from the highest level to 0 is the clean latents that the network's answer means."""
    family, model = FAMILIES_BY_NAME["sd1"], engine.models.load(engine.shelf.checkpoint(name), "fp32").model
    assert model.prediction == name
    sigma = Table(model.alphas_cumprod).sigmas[-1]
    x = PictureNoise([1], (4, 8, 8)).first() * sigma
    (cond,) = family.encode(model, ["a cat"], Text(), {})
    out = family.predict(model, NetworkCall(x * c_in(sigma), torch.tensor([999.0]), cond.context[None]))
    scale = 1 / (1 + sigma**2)
    x0 = {"eps": x - sigma * out, "v": scale * x - sigma * scale**0.5 * out, "x0": out}[name]
    (expected,) = pixels.to_images(family.decode(model, x0))
    found = drawn(engine, name, steps=1)
    assert np.abs(found - np.asarray(expected).astype(int)).max() <= 1 and found.std() > 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_kind_of_sampler_draws_with_each(engine: Engine, sampler: str) -> None:
    found = [drawn(engine, name, sampler=sampler) for name in TOLD]
    assert all(picture.std() > 0 for picture in found)
    assert not any(np.array_equal(found[place], found[place - 1]) for place in range(3))
