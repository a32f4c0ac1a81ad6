"""Sweeps run by their driver over a painter: flat pictures whose colour tells which request made them. No weights; real infotexts, files and blobs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modules.core.blobs import Blobs
from modules.core.errors import EaselError, NotFound
from modules.core.groups.sampling import Variation
from modules.core.making import finished
from modules.core.params import from_dict, to_dict
from modules.core.records.samplers import split_sampler
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.engine.ready import Ready, unchanged
from modules.engine.sweep import conduct
from modules.engine.sweeps.tools import Tools
from modules.imaging.opening import opened
from modules.infotext import files
from modules.infotext.write import infotext
from tests.whole import in_one

Event = Progress | Picture


@dataclass
class Studio:
    """draw(script, args, ...) drives a sweep. asked: the plain requests in their order, with `saved`, `keys` and `inputs` (start picture, mask, mask of
    the latents) beside them. failing: an error for a
    request that is to fail; halt: what cancel answers once that many pictures were painted. ready: the extensions' turn."""

    folder: Path
    asked: list[GenerationRequest] = field(default_factory=list)
    saved: list[bool] = field(default_factory=list)
    keys: list[Mapping[str, object]] = field(default_factory=list)
    inputs: list[list[Image.Image]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    failing: Callable[[GenerationRequest], EaselError | None] = lambda request: None
    halt: tuple[int, Cancel] = (-1, Cancel.NONE)
    painted: int = 0
    ready: Callable[[GenerationRequest], Ready] = unchanged

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.folder / "inputs")

    def draw(self, script: str = "", args: Mapping[str, Any] | None = None, save: bool = False, **values: Any) -> Result:
        tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 3, "seed": 5, "sampler": "Euler", "script": {"name": script, "args": dict(args or {})}}
        return self.again(from_dict(GenerationRequest, tree | values), save)

    def again(self, request: GenerationRequest, save: bool = False) -> Result:
        tools = Tools(self.blobs, resolve, self._store, lambda: {"machine": "a test"}, ready=self.ready)
        return finished(conduct(request, in_one(self._paint), tools, self.events.append, self._cancel, save))

    def start(self, width: int = 64, height: int = 64) -> dict[str, Any]:
        """A start picture, noisy so that every pixel tells its place: the value of `init`."""
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        return {"image": self.blobs.put(files.encode(Image.fromarray(pixels), "")), "strength": 0.6}

    def picture(self, reference: str) -> Image.Image:
        return opened(self.blobs.get(reference))

    def _cancel(self) -> Cancel:
        return self.halt[1] if self.painted == self.halt[0] else Cancel.NONE

    def _store(self, picture: Picture, name: str) -> tuple[Picture, list[str]]:
        self.stored.append(name)
        path = self.folder / f"{len(self.stored)}.png"
        path.write_bytes(picture.data)
        return picture.saved(path), []

    def _paint(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, keys: Mapping[str, object]) -> Result:
        assert not request.script.name
        if error := self.failing(request):
            raise error
        request = resolve(request)
        self.asked.append(request)
        self.saved.append(save)
        self.keys.append(keys)
        self.inputs.append([self.picture(one) for one in (request.init.image, request.mask.image, request.mask.latent) if one])
        pictures, how = [], Cancel.NONE
        for index in range(request.pictures):
            if cancel() is Cancel.STOP:
                how = Cancel.STOP
                break
            report(Progress("sampling", index, request.pictures, 1, 2))
            complete = cancel() is not Cancel.SKIP
            how = how if complete else Cancel.SKIP
            picture = painted(single(request, index), index, keys, complete)
            picture = replace(picture, path=self.folder / "part.png") if save else picture
            self.painted += 1
            pictures.append(picture)
            report(picture)
        return Result(request, tuple(pictures), (f"of seed {request.seed}",) if request.seed == 77 else (), cancelled=how, facts={"machine": "a test"})


def resolve(request: GenerationRequest) -> GenerationRequest:
    """As the engine's: real seeds, the sampler's own name, the model's hash; it knows one model."""
    sampler, schedule = split_sampler(request.sampler)
    if request.model not in ("", "tiny", "other"):
        raise NotFound(f"There is no checkpoint {request.model!r}.", "Look at the list.", "model", ("tiny",))
    return replace(request, sampler=sampler, schedule=schedule or request.schedule, model=request.model or "tiny", seed=max(request.seed, 0))


def color_of(request: GenerationRequest) -> tuple[int, int, int]:
    """Depends on all that is in the request, but for a variation seed that does not act."""
    if not request.variation.strength:
        request = replace(request, variation=Variation())
    digest = hashlib.sha256(repr(to_dict(request)).encode()).digest()
    return digest[0], digest[1], digest[2]


def painted(request: GenerationRequest, index: int, keys: Mapping[str, object], complete: bool) -> Picture:
    width, height = request.width // 8 * 8, request.height // 8 * 8
    text = infotext(request, version="Easel test", extra=dict(keys))
    data = files.encode(Image.new("RGB", (width, height), color_of(request)), text)
    return Picture(data, width, height, request, text, index, complete=complete)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(opened(picture.data).convert("RGB"))


def same(first: Result, second: Result) -> bool:
    """The same pictures, pixel by pixel."""
    pairs = list(zip(first.pictures, second.pictures, strict=True))
    return all(np.array_equal(pixels(one), pixels(other)) for one, other in pairs)


def document(picture: Picture) -> dict[str, Any]:
    found = files.read(picture.data).document
    assert found
    return found
