"""Faces restored as a picture is drawn: where in the course of things, what is recorded, and that it comes back. Real small networks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import NotFound
from modules.core.groups.faces import RestoredFaces
from modules.core.params import from_dict, to_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Result
from modules.engine import face_names
from modules.engine.generate import Engine
from modules.engine.restoring import NO_FACE
from modules.engine.save import Outputs
from modules.engine.upscalers import Watched
from modules.imaging import color
from tests.engine import faults
from tests.engine.conftest import pixels
from tests.engine.faults import Spoilt
from tests.networks import small, small_faces, tiny, tiny_folders

ON = {"restore": True, "weight": 0.3}


def engine_in(data: Path) -> Engine:
    library = Library(Paths(data=data, models=data / "models"), HashCache(None))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("restoring")
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    tiny_folders.made("sana").save_pretrained(data / "models" / "diffusers" / "sana", safe_serialization=True)
    small.save(data / "models" / "GFPGAN" / "detection_Resnet50_Final.safetensors", small_faces.anywhere())
    small.save(data / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    return engine_in(data)


def run(engine: Engine, seen: list[Any] | None = None, cancel: Callable[[], Cancel] = lambda: Cancel.NONE, **values: Any) -> Result:
    tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", "model": "tiny", **values}
    return engine.run(from_dict(GenerationRequest, tree), (lambda event: None) if seen is None else seen.append, cancel, False)


def restored(engine: Engine, image: np.ndarray) -> Image.Image:
    """By the networks themselves."""
    pair = face_names.pair_of(RestoredFaces(restore=True), engine.shelf)
    assert pair
    result, found = engine.faces.restored(Image.fromarray(image), pair, 1.0, 0.3, Watched())
    assert found == 1
    return result


def kept(engine: Engine, image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return engine.blobs.put(data.getvalue())


def ramp() -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * turn).resize((64, 64)) for turn in range(3)])


@pytest.mark.parametrize("model", ["tiny", "sana"])
def test_the_drawn_picture_is_what_the_networks_make_of_it(engine: Engine, model: str) -> None:
    seen: list[Any] = []
    plain, drawn = run(engine, model=model).pictures[0], run(engine, seen, model=model, faces=ON).pictures[0]
    assert np.array_equal(pixels(drawn), np.asarray(restored(engine, pixels(plain)))) and not np.array_equal(pixels(drawn), pixels(plain))
    assert "Seed: 1, Face restoration: CodeFormer, Size: 64x64" in drawn.infotext and "CodeFormer weight: 0.3" in drawn.infotext
    assert "Face" not in plain.infotext and "restoring faces" in [event.phase for event in seen if isinstance(event, Progress)]


def test_it_comes_back_alone_and_out_of_a_batch(engine: Engine) -> None:
    made = run(engine, batch_size=2, faces=ON)
    assert made.request.faces.restorer == "CodeFormer" and set(made.request.faces.networks) == {"codeformer", "detection_Resnet50_Final"}
    for picture in made.pictures:
        assert run(engine, **to_dict(picture.request)).pictures[0].data == picture.data


def test_what_nobody_asked_for_leaves_no_trace(engine: Engine) -> None:
    bent = run(engine, faces={"restorer": "GFPGAN", "weight": 0.9})
    assert bent.pictures[0].data == run(engine).pictures[0].data and bent.request.faces == RestoredFaces()


def test_colours_are_corrected_behind_it_and_the_mask_is_kept(engine: Engine) -> None:
    init = {"image": kept(engine, ramp()), "strength": 0.8}
    plain = pixels(run(engine, init=init).pictures[0])
    corrected = pixels(run(engine, init={**init, "color_correction": True}, faces=ON).pictures[0])
    assert np.array_equal(corrected, np.asarray(color.correct(restored(engine, plain), ramp())))
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((8, 8, 24, 24), fill=255)
    wish = {"image": kept(engine, mask), "blur_x": 0, "blur_y": 0}
    without, masked = (pixels(run(engine, init=init, mask=wish, faces=faces).pictures[0]) for faces in ({}, ON))
    inside = np.asarray(mask) > 0
    assert np.array_equal(masked[~inside], np.asarray(ramp())[~inside]) and not np.array_equal(masked[inside], without[inside])


def test_a_picture_that_grows_keeps_what_it_was(engine: Engine) -> None:
    values: dict[str, Any] = {"init": {"image": kept(engine, ramp())}, "outpaint": {"right": 32, "left": 32, "feather": 0}}
    plain, grown = (run(engine, **values, faces=faces).pictures[0] for faces in ({}, ON))
    assert np.array_equal(pixels(grown)[:, 32:96], np.asarray(ramp()))
    assert not np.array_equal(pixels(grown)[:, :32], pixels(plain)[:, :32]), "the face is around the first corner"
    assert run(engine, **to_dict(grown.request)).pictures[0].data == grown.data


def test_a_second_pass_goes_on_from_the_picture_as_it_was_drawn(engine: Engine) -> None:
    hires = {"enabled": True, "scale": 1.5, "upscaler": "Nearest", "steps": 1}
    plain, drawn = (pixels(run(engine, hires=hires, faces=faces).pictures[0]) for faces in ({}, ON))
    assert np.array_equal(drawn, np.asarray(restored(engine, plain)))


def test_cancelled_meanwhile_the_picture_stays_as_it_was_drawn(engine: Engine) -> None:
    seen: list[Any] = []

    def cancel() -> Cancel:
        return Cancel.STOP if any(isinstance(event, Progress) and event.phase == "restoring faces" for event in seen) else Cancel.NONE

    result = run(engine, seen, cancel, faces=ON)
    (picture,) = result.pictures
    assert result.cancelled is Cancel.STOP and not picture.complete
    assert np.array_equal(pixels(picture), pixels(run(engine).pictures[0]))


def test_what_is_missing_is_said_with_its_place(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no GFPGAN network here.*Put GFPGANv1.4.pth into models/GFPGAN") as caught:
        run(engine, faces={"restore": True, "restorer": "GFPGAN"})
    assert caught.value.field == "faces.restorer"
    with pytest.raises(NotFound, match="it was one of codeformer") as caught:
        run(engine, faces={**ON, "networks": {"codeformer": "0" * 64}})
    assert face_names.lacking(RestoredFaces(restore=True), engine.shelf) == face_names.lacking(RestoredFaces(), engine.shelf) == ""
    assert face_names.lacking(RestoredFaces(restore=True, restorer="GFPGAN"), engine.shelf) == "models/GFPGAN/GFPGANv1.4.pth"


def test_the_first_restorer_that_is_here_and_a_picture_without_a_face(tmp_path: Path) -> None:
    tiny.save_single(tmp_path / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    small.save(tmp_path / "models" / "GFPGAN" / "detection_Resnet50_Final.safetensors", small_faces.detector())
    with small_faces.small_gfpgan() as tensors:
        small.save(tmp_path / "models" / "GFPGAN" / "GFPGANv1.4.safetensors", tensors)
    engine = engine_in(tmp_path)
    result = run(engine, faces={"restore": True})
    assert result.request.faces.restorer == "GFPGAN" and NO_FACE in result.notes
    assert "Face restoration: GFPGAN" in result.pictures[0].infotext, "as A1111, which says what was asked for"
    assert np.array_equal(pixels(result.pictures[0]), pixels(run(engine).pictures[0]))


@pytest.mark.parametrize("network", ["CodeFormer", "RetinaFace"])
def test_a_face_network_without_numbers_costs_no_picture(engine: Engine, network: str) -> None:
    plain = run(engine).pictures[0]
    with faults.spoiling(Spoilt(network)) as told:
        result = run(engine, faces=ON)
    assert told[0] and np.array_equal(pixels(result.pictures[0]), pixels(plain))
    assert any(note.startswith("Faces stayed as they were drawn. The face ") for note in result.notes)
