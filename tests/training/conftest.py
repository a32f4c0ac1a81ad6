"""A trainer over an engine with a tiny Stable Diffusion of the real classes, put together as the app does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.options import DeviceOptions, Looks
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Result
from modules.core.training import TrainingRequest
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.training.trainer import Trainer
from tests.networks import tiny
from tests.training.painting import folder

Train = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a tiny checkpoint, as a file and as a folder, and pictures to train on."""
    data = tmp_path_factory.mktemp("home")
    parts = tiny.parts()
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*parts))
    tiny.save_folder(data / "models" / "Stable-diffusion" / "spread", *parts)
    folder(data / "pictures")
    return data


@pytest.fixture(scope="module")
def engine(home: Path) -> Engine:
    return engine_in(home)


def engine_in(home: Path, options: DeviceOptions | None = None) -> Engine:
    """One that trains, too, in a data folder."""
    paths = Paths(data=home, models=home / "models")
    library = Library(paths, HashCache(home / "hashes.db"))
    engine = Engine(library, Outputs(home / "outputs"), Blobs(home / "inputs"), options or DeviceOptions(), looks=lambda: Looks(preview_interval=0))
    engine.others[TrainingRequest] = Trainer(
        library, paths, engine.machine, engine.models.load, engine.run, engine.readings.clear, engine.unload, engine.facts
    ).run
    return engine


@pytest.fixture
def train(engine: Engine, home: Path) -> Train:
    """train(name="...", what=..., ...): four steps of two pictures at 64 x 64, by dotted names."""
    return training(engine, home)


def training(engine: Engine, home: Path) -> Train:
    def run(cancel: Callable[[], Cancel] = lambda: Cancel.NONE, told: list[Progress] | None = None, **values: object) -> Result:
        plain = {
            "model": "tiny",
            "data.folder": str(home / "pictures"),
            "data.side": 64,
            "steps": 4,
            "batch": 2,
            "learning.rate": 0.01,
            "watching.sample_every": 0,
            "watching.steps": 2,
            "watching.measure_every": 2,
            "watching.save_every": 2,
        }
        wish = with_values(TrainingRequest(), {**plain, **{name.replace("__", "."): value for name, value in values.items()}})
        events: list[Progress] = told if told is not None else []
        return engine.run(wish, lambda event: events.append(event) if isinstance(event, Progress) else None, cancel)

    return run


@pytest.fixture
def draw(engine: Engine) -> Callable[..., bytes]:
    """draw("prompt"): the PNG of a small picture by the tiny checkpoint."""

    def run(prompt: str, **values: object) -> bytes:
        plain = {"prompt": prompt, "model": "tiny", "width": 64, "height": 64, "steps": 2, "seed": 1, **values}
        return engine.run(with_values(GenerationRequest(), plain), lambda event: None, lambda: Cancel.NONE, False).pictures[0].data

    return run
