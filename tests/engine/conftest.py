"""An engine over a tiny Stable Diffusion of the real classes, and a way to draw with it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.options import Looks
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from tests.engine.counting import Mark
from tests.networks import tiny

Draw = Callable[..., Result]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    data = tmp_path_factory.mktemp("library")
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    return Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))


@pytest.fixture(scope="session")
def engine(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(library, Outputs(tmp_path_factory.mktemp("outputs")), Blobs(tmp_path_factory.mktemp("inputs")), looks=lambda: Looks(preview_interval=0.001))


@pytest.fixture
def draw(engine: Engine) -> Draw:
    """draw(prompt="...", steps=3, ..., report=, cancel=) at 64 x 64, three steps, seed 1 unless said otherwise."""

    def run(
        report: Callable[[Progress | Picture], None] = lambda event: None,
        cancel: Callable[[], Cancel] = lambda: Cancel.NONE,
        save: bool = False,
        **values: object,
    ) -> Result:
        tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 3, "seed": 1, "sampler": "Euler a", **values}
        return engine.run(from_dict(GenerationRequest, tree), report, cancel, save)

    return run


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device without memory is handled as a card is."""
    monkeypatch.setattr("modules.sampling.noise.PINNING", ("meta",))
    monkeypatch.setattr("modules.engine.features.arriving.LATE", ("meta",))
    monkeypatch.setattr("modules.engine.features.arriving.marked", lambda device: Mark())


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"))


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))
