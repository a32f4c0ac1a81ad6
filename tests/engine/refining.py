"""An engine over two tiny checkpoints of one family: "tiny" and "other", which predicts v where that one predicts noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.families.family import Model, NetworkCall
from modules.families.sd1 import StableDiffusion1
from tests.networks import small, tiny

YAML_V = "model: {params: {scale_factor: 0.5, parameterization: v}}"
PLAIN = {"prompt": "a cat", "width": 64, "height": 64, "steps": 4, "seed": 1, "sampler": "DPM++ 2M", "model": "tiny"}


def engine_of_two(data: Path) -> Engine:
    folder = data / "models" / "Stable-diffusion"
    tiny.save_single(folder / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    tiny.save_single(folder / "other.safetensors", tiny.ldm_tensors(*tiny.parts(seed=1)), YAML_V)
    small.save(data / "models" / "ESRGAN" / "2x-small.safetensors", small.esrgan(scale=2))
    library = Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))


def drawn(engine: Engine, report: Callable[[Progress | Picture], None] = lambda event: None, **values: Any) -> Result:
    """values: by dotted name, with __ for the dot."""
    request = with_values(GenerationRequest(), {**PLAIN, **{name.replace("__", "."): value for name, value in values.items()}})
    return engine.run(request, report, lambda: Cancel.NONE, save=False)


@contextmanager
def noted(monkeypatch: Any) -> Iterator[list[str]]:
    """The checkpoint of each call of a network, by name, in order."""
    calls: list[str] = []
    predict = StableDiffusion1.predict

    def told(self: StableDiffusion1, model: Model, call: NetworkCall) -> Any:
        calls.append(model.card.name)
        return predict(self, model, call)

    with monkeypatch.context() as patch:
        patch.setattr(StableDiffusion1, "predict", told)
        yield calls
