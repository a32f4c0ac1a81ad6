"""Upscalers that are files, wherever a request names one: hires fix, start pictures, SD upscale. Real small networks, a tiny real model."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest, NotFound
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine import upscaler_names
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.infotext import files
from tests.engine.conftest import pixels
from tests.networks import small, tiny

Draw = Callable[..., Result]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("upscaling")
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    small.save(data / "models" / "ESRGAN" / "2x-small.safetensors", small.esrgan(scale=2))
    small.save(data / "models" / "RealESRGAN" / "RealESRGAN_x4plus.pth", small.real_esrgan())
    library = Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), converted=data / "converted")


@pytest.fixture
def draw(engine: Engine) -> Draw:
    def run(report: Callable[[Progress | Picture], None] = lambda event: None, cancel: Callable[[], Cancel] = lambda: Cancel.NONE, **values: object) -> Result:
        tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", **values}
        return engine.run(from_dict(GenerationRequest, tree), report, cancel, False)

    return run


def hires(name: str, scale: float = 2) -> dict[str, object]:
    return {"enabled": True, "scale": scale, "upscaler": name, "strength": 0.4}


def test_hires_through_a_network_is_recorded_and_comes_back_the_same(draw: Draw, engine: Engine) -> None:
    first = draw(hires=hires("2X-SMALL"))
    assert first.request.hires.upscaler == "2x-small"
    assert first.request.enlarging.networks == {"2x-small": engine.shelf.hashed(engine.shelf.upscaler("2x-small")).sha256}
    assert first.pictures[0].width == 128
    assert "Hires upscaler: 2x-small" in first.pictures[0].infotext
    again = engine.run(first.request, lambda event: None, lambda: Cancel.NONE, False)
    assert np.array_equal(pixels(first.pictures[0]), pixels(again.pictures[0]))
    assert not np.array_equal(pixels(first.pictures[0]), pixels(draw(hires=hires("Lanczos")).pictures[0]))


def test_a_recorded_file_is_binding_whatever_it_is_called(draw: Draw, engine: Engine) -> None:
    first = draw(hires=hires("2x-small"))
    ((name, sha256),) = first.request.enlarging.networks.items()
    renamed = replace(
        first.request, hires=replace(first.request.hires, upscaler="old name"), enlarging=replace(first.request.enlarging, networks={"old name": sha256})
    )
    again = engine.run(renamed, lambda event: None, lambda: Cancel.NONE, False)
    assert again.request.enlarging.networks == {name: sha256}
    assert np.array_equal(pixels(first.pictures[0]), pixels(again.pictures[0]))
    gone = replace(first.request, enlarging=replace(first.request.enlarging, networks={name: "0" * 64}))
    with pytest.raises(NotFound, match="another file"):
        engine.run(gone, lambda event: None, lambda: Cancel.NONE, False)


def test_a_pickle_under_a1111_s_name(draw: Draw) -> None:
    made = draw(hires=hires("R-ESRGAN 4x+", 2))
    assert made.request.hires.upscaler == "RealESRGAN_x4plus"
    assert made.pictures[0].width == 128


@pytest.mark.parametrize(("name", "near"), [("2x-smal", "2x-small"), ("Lanczo", "Lanczos"), ("Latent (bicubik)", "Latent (bicubic)")])
def test_an_unknown_name_is_refused_with_the_nearest(draw: Draw, name: str, near: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        draw(hires=hires(name))
    assert near in caught.value.remedy and caught.value.field == "hires.upscaler"


def test_a_start_picture_that_must_grow_goes_through_its_upscaler(draw: Draw, engine: Engine) -> None:
    source = Image.fromarray(np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8))
    reference = engine.blobs.put(files.encode(source, ""))
    plain, large = (draw(init={"image": reference, "strength": 0.5, "upscaler": name}) for name in ("None", "2x-small"))
    assert list(large.request.enlarging.networks) == ["2x-small"] and not plain.request.enlarging.networks
    assert not np.array_equal(pixels(plain.pictures[0]), pixels(large.pictures[0]))


def test_sd_upscale_through_a_network(draw: Draw, engine: Engine) -> None:
    source = Image.fromarray(np.random.default_rng(2).integers(0, 256, (48, 48, 3), np.uint8))
    reference = engine.blobs.put(files.encode(source, ""))
    events: list[Progress | Picture] = []
    wish = {"init": {"image": reference, "strength": 0.3}, "script": {"name": "SD upscale", "args": {"overlap": 32, "upscaler": "2X-small", "scale": 2.0}}}
    first = draw(events.append, **wish)
    (picture,) = first.pictures
    assert (picture.width, picture.height) == (96, 96)
    assert "SD upscale upscaler: 2x-small" in picture.infotext
    assert list(first.request.enlarging.networks) == ["2x-small"]
    assert any(isinstance(event, Progress) and event.phase == "upscaling" for event in events)
    again = engine.run(first.request, lambda event: None, lambda: Cancel.NONE, False)
    assert np.array_equal(pixels(picture), pixels(again.pictures[0]))
    with pytest.raises(NotFound):
        engine.run(replace(first.request, enlarging=replace(first.request.enlarging, networks={"2x-small": "1" * 64})), print, lambda: Cancel.NONE, False)


class Stop:
    """Cancels as soon as an upscale is under way."""

    def __init__(self) -> None:
        self.seen = False
        self.looks = 0

    def report(self, event: Progress | Picture) -> None:
        self.seen |= isinstance(event, Progress) and event.phase in ("enlarging", "upscaling")

    def cancel(self) -> Cancel:
        self.looks += self.seen
        return Cancel.STOP if self.seen else Cancel.NONE


def test_an_interrupt_within_a_tile_leaves_the_first_pass(draw: Draw) -> None:
    stop = Stop()
    made = draw(stop.report, stop.cancel, hires=hires("2x-small"))
    assert made.cancelled is Cancel.STOP and stop.looks >= 1
    (picture,) = made.pictures
    assert not picture.complete and picture.width == 64


def test_an_interrupt_while_a_start_picture_grows_leaves_nothing(draw: Draw, engine: Engine) -> None:
    reference = engine.blobs.put(files.encode(Image.new("RGB", (32, 32), "teal"), ""))
    for wish in ({"upscaler": "2x-small"}, {}):
        stop = Stop()
        script = {} if wish else {"script": {"name": "SD upscale", "args": {"upscaler": "2x-small", "overlap": 16}}}
        made = draw(stop.report, stop.cancel, init={"image": reference, "strength": 0.5, **wish}, **script)
        assert made.cancelled is Cancel.STOP and not made.pictures


def test_a_result_that_no_memory_would_hold_is_refused_before_it_is_begun(engine: Engine) -> None:
    found = upscaler_names.find("2x-small", engine.shelf, "upscaler")
    enlarge = engine.upscalers.function(found, GenerationRequest().enlarging, "fp32")
    assert enlarge
    with pytest.raises(InvalidRequest, match="24000 x 2 pixels"):
        enlarge(Image.new("RGB", (12000, 1)), 2)


def test_tiles_are_part_of_the_request(draw: Draw) -> None:
    whole, tiled = (draw(hires=hires("2x-small"), enlarging={"tile": tile, "overlap": 0}).pictures[0] for tile in (0, 16))
    assert not np.array_equal(pixels(whole), pixels(tiled))
    assert files.read(tiled.data).document["request"]["enlarging"]["tile"] == 16  # type: ignore[index]
    assert Image.open(io.BytesIO(whole.data)).size == (128, 128)


def test_unload_lets_networks_go(draw: Draw, engine: Engine, tmp_path: Path) -> None:
    draw(hires=hires("2x-small"))
    engine.unload()
    assert draw(hires=hires("2x-small")).pictures
