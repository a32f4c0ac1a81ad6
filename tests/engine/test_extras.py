"""Extras: finished pictures made larger by a request of its own. Real small networks; no model that draws."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.core.extras import ExtrasRequest
from modules.core.params import from_dict, to_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress
from modules.imaging.resize import UPSCALERS, upscale
from modules.infotext import files
from modules.infotext.read import read
from tests.engine.extras_studio import Studio, image, noise, same

PARAMETERS = "a pear\nSteps: 20, Sampler: Euler, CFG scale: 7.0, Seed: 5, Size: 40x24"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("extras")


@pytest.fixture
def studio(place: Path) -> Studio:
    return Studio(place)


def test_a_network_enlarges_and_the_same_request_gives_the_same_picture(studio: Studio) -> None:
    first = studio.make(noise(), upscaler="2X-SMALL", scale=2.0)
    (picture,) = first.pictures
    assert (picture.width, picture.height) == (80, 48)
    assert first.request.upscaler == "2x-small" and list(first.request.enlarging.networks) == ["2x-small"]
    assert first.request.precision == "fp32"
    assert same(first, studio.again(picture.request)) and same(first, studio.again(first.request))


@pytest.mark.parametrize(
    ("values", "size", "said"),
    [
        ({"scale": 2.0}, (80, 48), "Postprocess upscale by: 2, Postprocess upscaler: Lanczos"),
        ({"scale": 1.5}, (56, 32), "Postprocess upscale by: 1.5, Postprocess upscaler: Lanczos"),
        (
            {"resize": "Scale to", "width": 64, "height": 64},
            (64, 64),
            "Postprocess upscale to: 64x64, Postprocess crop to: 64x64, Postprocess upscaler: Lanczos",
        ),
        ({"resize": "Scale to", "width": 64, "height": 64, "crop": False}, (104, 64), "Postprocess upscale to: 64x64, Postprocess upscaler: Lanczos"),
        ({"scale": 2.0, "upscaler": "None"}, (40, 24), ""),
    ],
)
def test_sizes_and_what_a1111_says_of_them(studio: Studio, values: dict[str, Any], size: tuple[int, int], said: str) -> None:
    (picture,) = studio.make(noise(), **{"upscaler": "Lanczos", **values}).pictures
    assert image(picture).size == size
    assert picture.infotext == said
    assert files.read(picture.data).chunks.get("postprocessing", "") == said


def test_a_second_upscaler_is_blended_in_and_recorded(studio: Studio) -> None:
    source = noise()
    made = studio.make(source, upscaler="2x-small", second="Nearest", second_visibility=0.25, scale=2.0)
    first, nearest = image(studio.make(source, upscaler="2x-small", scale=2.0).pictures[0]), UPSCALERS["Nearest"]
    assert nearest
    assert image(made.pictures[0]).tobytes() == Image.blend(first, upscale(source, 2.0, nearest), 0.25).tobytes()
    assert made.pictures[0].infotext.endswith("Postprocess upscaler: 2x-small, Postprocess upscaler 2: Nearest")
    assert not studio.make(source, upscaler="Nearest", second="2x-small").request.enlarging.networks, "one that does not act is not recorded"


def test_the_source_s_texts_stay_and_ours_is_beside_them(studio: Studio) -> None:
    drawn = GenerationRequest(prompt="a pear", seed=5, width=40 // 8 * 8 + 24, height=64)
    document = {"easel": "test", "request": to_dict(drawn), "facts": {"torch": "1"}}
    (picture,) = studio.make(files.encode(noise(), PARAMETERS, document), upscaler="Nearest", scale=2.0).pictures
    found = files.read(picture.data)
    assert found.parameters == PARAMETERS
    reading = read(found)
    assert reading.request == drawn, "what made the small picture can go to txt2img"
    assert reading.again == reading.wish == picture.request, "and what made this one can be run again"
    assert reading.facts["machine"] == "a test"
    assert ("Extras: Upscaler 1", "Nearest") in [(row.key, row.value) for row in reading.rows]


def test_enlarged_twice_tells_the_whole_way(studio: Studio) -> None:
    (first,) = studio.make(files.encode(noise(), PARAMETERS), upscaler="Nearest", scale=2.0).pictures
    (second,) = studio.make(first.data, upscaler="Lanczos", scale=2.0).pictures
    reading = read(files.read(second.data))
    assert reading.again == second.request and reading.request.prompt == "a pear" and reading.request.seed == 5
    document = files.read(second.data).document
    assert document and document["of"]["request"] == to_dict(first.request)


def test_a_photograph_says_only_what_extras_did(studio: Studio) -> None:
    (picture,) = studio.make(noise(), upscaler="Nearest", scale=2.0).pictures
    reading = read(files.read(picture.data))
    assert (reading.source, reading.request, reading.again) == ("", GenerationRequest(), picture.request)


def test_a_record_that_was_tampered_with_makes_nothing_again(studio: Studio) -> None:
    (picture,) = studio.make(noise(), upscaler="Nearest", scale=2.0).pictures
    found = files.read(picture.data)
    wrong: dict[str, Any]
    for wrong in ({"images": ["/etc/passwd"]}, {"images": []}, {"scale": 99}, {"upscaler": 3}):
        tree = {**found.document, "request": {**found.document["request"], **wrong}}  # type: ignore[index, dict-item]
        assert read(files.read(files.encode(noise(), "", tree))).again is None
    tree = {**found.document, "request": {**found.document["request"], "upscaler": "../../x/4x.pth"}}  # type: ignore[index, dict-item]
    wish = read(files.read(files.encode(noise(), "", tree))).again
    assert isinstance(wish, ExtrasRequest) and wish.upscaler == "4x.pth"


def test_files_go_into_extras_images_under_number_or_name(studio: Studio) -> None:
    numbered = studio.make(noise(), upscaler="Nearest", save=True).pictures[0].path
    named = [studio.make(noise(), upscaler="Nearest", names=["../hol/iday:1"], save=True).pictures[0].path for _ in range(2)]
    assert numbered and numbered.parent.parent == studio.outputs / "extras-images" and numbered.name == "00001.png"
    assert [path.name for path in named if path] == ["__hol_iday_1.png", "__hol_iday_1-1.png"]
    flat = studio.make(noise(), upscaler="Nearest", save=True, saving={"save_to_dirs": False, "samples_format": "webp"}).pictures[0]
    assert flat.path and flat.path.parent == studio.outputs / "extras-images" and flat.path.suffix == ".webp"
    assert read(files.read(flat.path)).again == flat.request
    assert studio.make(noise(), upscaler="Nearest", save=True, saving={"samples_save": False}).pictures[0].path is None


def test_several_pictures_each_reported_when_it_is_made(studio: Studio) -> None:
    result = studio.make(*(noise(seed=seed) for seed in range(3)), upscaler="2x-small", scale=2.0, names=["a", "b", "c"], enlarging={"tile": 16, "overlap": 0})
    assert [picture.index for picture in result.pictures] == [0, 1, 2]
    assert [picture.request.names for picture in result.pictures] == [("a",), ("b",), ("c",)]
    steps = [event for event in studio.events if isinstance(event, Progress) and event.picture == 1 and event.steps > 1]
    assert [event.step for event in steps[:3]] == [0, 1, 2] and steps[0].steps == 6
    assert [type(event).__name__ for event in studio.events].count("Picture") == 3


def test_one_bad_picture_among_several_is_left_out_and_said(studio: Studio) -> None:
    result = studio.make(noise(), b"no picture", noise(), upscaler="Nearest", names=["a", "bad", "c"])
    assert [picture.index for picture in result.pictures] == [0, 2]
    assert result.notes[0].startswith("bad was left out: This is no picture")
    with pytest.raises(BadPicture):
        studio.make(b"no picture", upscaler="Nearest")
    with pytest.raises(BadPicture, match="None of the pictures"):
        studio.make(b"no picture", b"nor this", upscaler="Nearest")


@pytest.mark.parametrize(
    ("values", "kind", "field"),
    [
        ({"upscaler": "2x-smal"}, InvalidRequest, "upscaler"),
        ({"upscaler": "Lanczos", "second": "Cubic"}, InvalidRequest, "second"),
        ({"upscaler": "Lanczos", "names": ["a", "b"]}, InvalidRequest, "names"),
        ({"upscaler": "Lanczos", "resize": "Scale to", "width": 16384, "height": 16384}, InvalidRequest, "width"),
        ({"upscaler": "2x-small", "enlarging": {"networks": {"2x-small": "0" * 64}}}, NotFound, "upscaler"),
    ],
)
def test_what_cannot_be_made_is_said_with_its_field(studio: Studio, values: dict[str, Any], kind: type[Exception], field: str) -> None:
    with pytest.raises(kind) as caught:
        studio.make(noise(), **values)
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_interrupt_and_skip_act_within_a_picture(studio: Studio) -> None:
    request = from_dict(
        ExtrasRequest, {"images": [studio.blobs.put(files.encode(noise(seed=seed), "")) for seed in range(3)], "upscaler": "2x-small", "scale": 2.0}
    )
    for how, left in ((Cancel.STOP, [0]), (Cancel.SKIP, [0, 2])):
        studio.events.clear()

        def cancel(how: Cancel = how) -> Cancel:
            last = studio.events[-1] if studio.events else None
            return how if isinstance(last, Progress) and last.picture == 1 and last.phase == "upscaling" else Cancel.NONE

        result = studio.again(request, cancel)
        assert result.cancelled is how
        assert [picture.index for picture in result.pictures] == left


def test_transparency_and_turned_photographs(studio: Studio) -> None:
    clear = noise(mode="RGBA")
    clear.putalpha(128)
    for name in ("Nearest", "2x-small"):
        made = image(studio.make(clear, upscaler=name, scale=2.0).pictures[0])
        assert made.mode == "RGBA" and set(np.asarray(made)[..., 3].flat) == {128}
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    noise().save(file, "JPEG", exif=exif)
    assert image(studio.make(file.getvalue(), upscaler="Nearest", scale=1.0).pictures[0]).size == (24, 40)


def test_the_document_is_plain_json(studio: Studio) -> None:
    (picture,) = studio.make(noise(), upscaler="Nearest", scale=2.0).pictures
    document = files.read(picture.data).document
    assert document and json.loads(json.dumps(document))["kind"] == "extras"
    assert from_dict(ExtrasRequest, document["request"]) == picture.request
