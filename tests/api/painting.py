"""The real App with a runner that needs no network: each picture is one colour, told by its seed, in a real file with its real texts."""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api.server import routes
from modules.app import App
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.extras import ExtrasRequest
from modules.core.making import finished
from modules.core.options import Options
from modules.core.params import to_dict, with_values
from modules.core.records.samplers import split_sampler
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.core.saving import Saving
from modules.engine.annotating import annotated
from modules.engine.extras import Extras
from modules.engine.extras_steps import Steps
from modules.engine.faces import FaceRestorers
from modules.engine.keep import Keeper
from modules.engine.save import Outputs
from modules.engine.sweep import conduct
from modules.engine.sweeps.tools import Tools
from modules.engine.upscalers import Upscalers
from modules.engine.warm import Warm
from modules.infotext import files
from modules.infotext.write import infotext
from modules.memory.device import Machine
from tests.whole import Whole, in_one

PREVIEW = b"\xff\xd8 a preview"


class Painter(Whole):
    """Each step waits at `gate`, which a test may clear. seen: the requests as they reached the engine."""

    def __init__(self, library: Library, outputs: Path) -> None:
        self.library, self.outputs = library, outputs
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.seen: list[GenerationRequest] = []
        self.loaded = True
        machine = Machine("cpu", False, False)
        blobs = Blobs(outputs.parent / "inputs")
        self.networks = Warm(library, machine, outputs / "converted")
        steps = Steps(library, Upscalers(self.networks), FaceRestorers(self.networks))
        self.extras = Extras(steps, machine, blobs, Outputs(outputs), lambda values: with_values(Saving(), values), dict, self.networks.unload)

    def warm(self) -> str:
        self.loaded = True
        return "one"

    def unload(self) -> None:
        self.loaded = False

    def weigh(self, request: GenerationRequest) -> Mapping[str, Any]:
        return {"prompt": [], "negative_prompt": [], "calls": request.steps, "emphasis": request.text.emphasis, "measured": True}

    def annotate(self, unit: ControlUnit, image: Image.Image) -> Image.Image:
        return annotated(unit, image, self.library, self.networks)  # the real one: its networks are tiny

    def run(self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None = None, user: str = "") -> Result:
        if self.failure is not None:
            raise self.failure
        if isinstance(request, ExtrasRequest):  # the real one: it needs no weights
            return self.extras.run(request, report, cancel, save, saving, user)
        self.seen.append(request)
        keeper = Keeper(Outputs(self.outputs), with_values(Saving(), saving or {}), request, user)
        tools = Tools(Blobs(self.outputs / "inputs"), lambda wish: wish, keeper.composed, dict, saving=keeper.saving)
        return finished(conduct(request, in_one(partial(self._part, keeper)), tools, report, cancel, save))

    def _part(self, keeper: Keeper, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, keys: object) -> Result:
        card = self.library.hashed(self.library.checkpoint(request.model, request.model_hash))
        seed = 4321 if request.seed == -1 else request.seed
        request = replace(request, sampler=split_sampler(request.sampler)[0], model=card.name, model_hash=card.sha256, seed=seed)
        pictures: list[Picture] = []
        how = Cancel.NONE
        for index in range(request.pictures):
            how = self._steps(index, request, report, cancel)
            if how is Cancel.STOP:
                break
            if how is Cancel.NONE:
                picture = self._picture(single(request, index), index)
                pictures.append(keeper.keep(picture, request)[0] if save and keeper.wants(picture) else picture)
                report(pictures[-1])
        return Result(request, tuple(pictures), ("Painted.",), 0.1, how)

    def _steps(self, index: int, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel]) -> Cancel:
        report(Progress("sampling", index, request.pictures, 0, request.steps))
        for step in range(request.steps):
            report(Progress("sampling", index, request.pictures, step, request.steps, PREVIEW))
            self.gate.wait(60)
            if (how := cancel()) is not Cancel.NONE:
                return how
        return Cancel.NONE

    def _picture(self, request: GenerationRequest, index: int) -> Picture:
        image = Image.new("RGB", (request.width // 8 * 8, request.height // 8 * 8), colour(request.seed))
        text = infotext(request, version="Easel test", checkpoint=request.model)
        data = files.encode(image, text, {"easel": "test", "request": to_dict(request), "facts": {}, "index": index})
        return Picture(data, *image.size, request, text, index)


class PaintedApp(App):
    """The App as it is, but for what draws."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.painter = Painter(self.library, self.paths.outputs)

    def _make_runner(self) -> Painter:
        return self.painter


def encoded(image: Image.Image, format: str = "PNG") -> str:
    """A picture as clients send it."""
    file = io.BytesIO()
    image.save(file, format)
    return base64.b64encode(file.getvalue()).decode()


def colour(seed: int) -> tuple[int, int, int]:
    return seed % 256, seed // 256 % 256, 99


def checkpoint(path: Path, mark: int) -> None:
    """A file that the catalog takes for a Stable Diffusion 1.x checkpoint: its few tensors have the right names and shapes."""
    shapes = {
        "model.diffusion_model.input_blocks.0.0.weight": [8, 4, 3, 3],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [8, 24],
        "model.diffusion_model.output_blocks.0.0.in_layers.0.weight": [16],
        "cond_stage_model.transformer.text_model.final_layer_norm.bias": [8],
        "first_stage_model.decoder.conv_in.bias": [8],
    }
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes([mark]) * end)


class Named:
    """What stands in front of the API in the real server: it checks the login, and says whose request it is."""

    def __init__(self, app: ASGIApp, logins: dict[str, str]) -> None:
        self.app, self.logins = app, logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.logins:
            sent = dict(scope["headers"]).get(b"authorization", b"").decode()
            user, _, password = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")
            assert self.logins[user] == password
            scope.setdefault("state", {})["user"] = user
        await self.app(scope, receive, send)


def service(app: App, logins: dict[str, str]) -> Starlette:
    return Starlette(routes=routes(app, app.options), middleware=[Middleware(Named, logins=logins)])
