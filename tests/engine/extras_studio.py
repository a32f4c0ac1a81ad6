"""An extras engine with a real small upscaler, for tests, and pictures to put in."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.extras import ExtrasRequest
from modules.core.params import from_dict, with_values
from modules.core.paths import Paths
from modules.core.result import Cancel, Picture, Progress
from modules.core.saving import Saving
from modules.engine.extras import Extras, Made
from modules.engine.extras_steps import Steps
from modules.engine.faces import FaceRestorers
from modules.engine.save import Outputs
from modules.engine.upscalers import Upscalers
from modules.engine.warm import Warm
from modules.infotext import files
from modules.memory.device import Machine
from tests.networks import small


class Studio:
    """make(...) runs an extras request over `images`."""

    def __init__(self, data: Path) -> None:
        small.save(data / "models" / "ESRGAN" / "2x-small.safetensors", small.esrgan(scale=2))
        self.library = Library(Paths(data=data, models=data / "models"), HashCache(None))
        self.blobs = Blobs(data / "inputs")
        self.outputs = data / "outputs"
        machine = Machine("cpu", False, False)
        self.networks = Warm(self.library, machine, data / "converted")
        steps = Steps(self.library, Upscalers(self.networks), FaceRestorers(self.networks))
        saving: Callable[[Any], Saving] = lambda values: with_values(Saving(), values)  # noqa: E731
        self.extras = Extras(steps, machine, self.blobs, Outputs(self.outputs), saving, lambda: {"machine": "a test"}, self.networks.unload)
        self.events: list[Progress | Picture] = []

    def make(self, *images: Image.Image | bytes, save: bool = False, saving: dict[str, Any] | None = None, **values: Any) -> Made:
        kept = [self.blobs.put(image if isinstance(image, bytes) else files.encode(image, "")) for image in images]
        return self.again(from_dict(ExtrasRequest, {"images": kept, **values}), save=save, saving=saving)

    def again(
        self, request: ExtrasRequest, cancel: Callable[[], Cancel] = lambda: Cancel.NONE, save: bool = False, saving: dict[str, Any] | None = None
    ) -> Made:
        return self.extras.run(request, self.events.append, cancel, save, saving)


def noise(width: int = 40, height: int = 24, mode: str = "RGB", seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).convert(mode)


def image(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def same(one: Made, other: Made) -> bool:
    return all(image(a).tobytes() == image(b).tobytes() for a, b in zip(one.pictures, other.pictures, strict=True))
