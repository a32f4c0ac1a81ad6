"""Faces restored within an extras request: which files act, what is recorded, what changes in the picture. Real small networks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import NotFound
from modules.core.extras import ExtrasRequest, Faces
from modules.core.params import from_dict
from modules.core.result import Cancel, Progress
from modules.engine import face_names
from modules.imaging.faces import fading
from modules.infotext import files
from modules.networks import face_restorers
from tests.engine.extras_studio import Studio, image, same
from tests.networks import small, small_faces
from tests.networks.small_faces import crowd, square

MIDDLES = ((20, 30), (55, 12))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("faces")
    small.save(data / "models" / "GFPGAN" / "detection_Resnet50_Final.pth", small_faces.detector())
    small.save(data / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    return data


@pytest.fixture
def studio(place: Path) -> Studio:
    return Studio(place)


def codeformer(studio: Studio, source: Image.Image, **faces: Any) -> np.ndarray:
    made = studio.make(source, faces={"codeformer": 1.0, **faces})
    return np.asarray(image(made.pictures[0]))


def test_each_face_is_drawn_anew_where_it_stands_and_nothing_else_changes(studio: Studio) -> None:
    source = crowd(*MIDDLES)
    before, after = np.asarray(source), codeformer(studio, source, codeformer_weight=0.5)
    restorer = studio.networks.loaded(
        face_names.find("codeformer", Faces(codeformer=1.0), studio.library).restorer, lambda path: face_restorers.load(path, "cpu")
    )
    outside = np.ones((640, 640), bool)
    for left, top, right, bottom in (square(*middle) for middle in MIDDLES):
        outside[top:bottom, left:right] = False
        whole = fading(small_faces.SIDE) == 1
        wanted = restorer.restore(before[top:bottom, left:right], 0.5)
        assert np.array_equal(after[top:bottom, left:right][whole], wanted[whole])
        assert not np.array_equal(wanted, before[top:bottom, left:right])
    assert np.array_equal(after[outside], before[outside])


def test_visibility_is_how_much_of_it_shows_and_transparency_stays(studio: Studio) -> None:
    source = crowd(*MIDDLES, mode="RGBA")
    source.putalpha(77)
    before, whole, half = np.asarray(source).astype(int), codeformer(studio, source), codeformer(studio, source, codeformer=0.5)
    assert np.abs(half - (before + whole) / 2).max() <= 1 and set(whole[..., 3].flat) == {77}


def test_the_files_are_recorded_and_a_rerun_takes_no_others(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    mine = Studio(tmp_path)
    made = mine.make(crowd(*MIDDLES), upscaler="Nearest", scale=1.5, faces={"codeformer": 0.7, "codeformer_weight": 0.25})
    (picture,) = made.pictures
    assert set(picture.request.faces.networks) == {"codeformer", "detection_Resnet50_Final"}
    assert picture.infotext == "Postprocess upscale by: 1.5, Postprocess upscaler: Nearest, CodeFormer visibility: 0.7, CodeFormer weight: 0.25"
    assert files.read(picture.data).chunks["postprocessing"] == picture.infotext
    assert same(made, mine.again(picture.request))
    small.save(tmp_path / "models" / "Codeformer" / "znewer.safetensors", small_faces.codeformer(book=4))
    mine.library.refresh()
    assert same(made, mine.again(picture.request)), "the file that it was made with, though a newer one is there"
    assert not same(made, mine.make(crowd(*MIDDLES), upscaler="Nearest", scale=1.5, faces={"codeformer": 0.7, "codeformer_weight": 0.25}))
    (tmp_path / "models" / "Codeformer" / "codeformer.safetensors").unlink()
    mine.library.refresh()
    with pytest.raises(NotFound, match="it was one of codeformer") as caught:
        mine.again(picture.request)
    assert caught.value.field == "faces.codeformer"


def test_gfpgan_s_newest_file_acts_before_codeformer(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    with small_faces.small_gfpgan() as tensors:
        for name in ("GFPGANv1.4", "GFPGANv1.3"):
            small.save(
                tmp_path / "models" / "GFPGAN" / f"{name}.safetensors", {key: tensor * (1 if name.endswith("4") else 0.5) for key, tensor in tensors.items()}
            )
        mine = Studio(tmp_path)
        made = mine.make(crowd(*MIDDLES), faces={"gfpgan": 0.01, "codeformer": 0.5})  # the dots stay bright enough to be found again
        assert set(made.request.faces.networks) == {"GFPGANv1.4", "codeformer", "detection_Resnet50_Final"}
        assert made.pictures[0].infotext == "GFPGAN visibility: 0.01, CodeFormer visibility: 0.5, CodeFormer weight: 0"
        steps = [event for event in mine.events if isinstance(event, Progress) and event.steps > 1]
        assert [(event.step, event.steps) for event in steps] == [(3, 6), (4, 6), (5, 6), (6, 6)], "no upscaler, then two faces twice"
        alone = mine.make(crowd(*MIDDLES), faces={"gfpgan": 1.0})
        assert same(alone, mine.again(alone.request)) and set(alone.request.faces.networks) == {"GFPGANv1.4", "detection_Resnet50_Final"}


def test_a_picture_without_faces_stays_and_says_so(studio: Studio) -> None:
    made = studio.make(crowd(), faces={"codeformer": 1.0})
    assert made.notes == ("No face was found.",) and np.array_equal(np.asarray(image(made.pictures[0])), np.asarray(crowd()))
    several = studio.make(crowd(), crowd(*MIDDLES), names=["street", "party"], faces={"codeformer": 1.0})
    assert several.notes == ("street: No face was found.",)


def test_interrupt_acts_between_faces(studio: Studio) -> None:
    request = from_dict(ExtrasRequest, {"images": [studio.blobs.put(files.encode(crowd(*MIDDLES), ""))], "faces": {"codeformer": 1.0}})

    def cancel() -> Cancel:
        last = studio.events[-1] if studio.events else None
        return Cancel.STOP if isinstance(last, Progress) and (last.step, last.steps) == (3, 4) else Cancel.NONE

    result = studio.again(request, cancel)
    assert result.cancelled is Cancel.STOP and not result.pictures


def test_what_is_missing_is_said_with_its_place(studio: Studio, tmp_path: Path) -> None:
    assert face_names.missing(studio.library) == {"gfpgan": ["models/GFPGAN/GFPGANv1.4.pth"], "codeformer": []}
    bare = Studio(tmp_path)
    assert face_names.missing(bare.library)["codeformer"] == ["models/Codeformer/codeformer.pth", "models/GFPGAN/detection_Resnet50_Final.pth"]
    with pytest.raises(NotFound, match="no GFPGAN network here.*Put GFPGANv1.4.pth") as caught:
        bare.make(crowd(), faces={"gfpgan": 0.5})
    assert caught.value.field == "faces.gfpgan"
    damaged = tmp_path / "models" / "GFPGAN" / "GFPGANv1.4.pth"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"nothing")
    bare.library.refresh()
    with pytest.raises(NotFound, match="GFPGANv1.4.pth cannot be used"):
        bare.make(crowd(), faces={"gfpgan": 0.5})
