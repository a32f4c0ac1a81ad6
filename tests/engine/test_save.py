"""Saved pictures: names and numbers, folders, formats, what lies beside them; and that nothing is lost where the settings cannot be followed."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import InvalidRequest, OutputTrouble
from modules.core.files import write_new
from modules.core.groups.editing import Init
from modules.core.groups.passes import Script
from modules.core.params import to_dict, with_values
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.core.saving import Saving, place
from modules.engine.keep import Keeper
from modules.engine.save import Outputs
from modules.infotext import files

REQUEST = GenerationRequest(prompt="a red apple", seed=7)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8))


def picture(request: GenerationRequest = REQUEST, image: Image.Image = NOISE) -> Picture:
    data = files.encode(image, "a red apple\nSteps: 20", {"easel": "test", "request": to_dict(request), "facts": {}})
    return Picture(data, *image.size, request, "a red apple\nSteps: 20")


def keep(root: Path, request: GenerationRequest = REQUEST, grid: str = "", **settings: object) -> tuple[Picture, list[str]]:
    keeper = Keeper(Outputs(root / "outputs", root / "rescue"), with_values(Saving(), settings), request)
    return keeper.keep(picture(request), request, grid)


def path_of(root: Path, request: GenerationRequest = REQUEST, grid: str = "", **settings: object) -> str:
    made, notes = keep(root, request, grid, **settings)
    assert made.path and not notes
    return re.sub(r"\d{4}-\d\d-\d\d", "TODAY", made.path.relative_to(root / "outputs").as_posix())


def test_names_count_up_in_a_folder_of_the_day(tmp_path: Path) -> None:
    seeds = [path_of(tmp_path, dataclasses.replace(REQUEST, seed=seed)) for seed in (7, 7, 8)]
    assert seeds == [f"txt2img-images/TODAY/{name}.png" for name in ("00001-7", "00002-7", "00003-8")]


def test_numbers_go_on_behind_the_highest(tmp_path: Path) -> None:
    folder = (tmp_path / "outputs" / path_of(tmp_path, save_to_dirs=False)).parent
    for name in ("00041-mine.png", "notes.txt", "20260131_holiday.png", "99999999999999.png"):
        (folder / name).write_bytes(b"")
    assert path_of(tmp_path, save_to_dirs=False) == "txt2img-images/00042-7-a red apple.png"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"samples_filename_pattern": "[prompt_words]"}, ["txt2img-images/TODAY/00001-a red apple.png", "txt2img-images/TODAY/00002-a red apple.png"]),
        ({"samples_filename_pattern": "x", "save_images_add_number": False}, ["txt2img-images/TODAY/x.png", "txt2img-images/TODAY/x-1.png"]),
        ({"samples_filename_pattern": "[none]", "save_images_add_number": False}, ["txt2img-images/TODAY/00001.png", "txt2img-images/TODAY/00002.png"]),
        ({"samples_filename_pattern": "../../[seed]"}, ["txt2img-images/TODAY/00001-__.._7.png", "txt2img-images/TODAY/00002-__.._7.png"]),
        ({"directories_filename_pattern": "[sampler]/../[seed]"}, ["txt2img-images/DPM++ 2M/7/00001-7.png", "txt2img-images/DPM++ 2M/7/00002-7.png"]),
        ({"outdir_samples": "all", "save_to_dirs": False}, ["all/00001-7-a red apple.png", "all/00002-7-a red apple.png"]),
        ({"outdir_txt2img_samples": "outputs\\mine\\deep"}, ["mine/deep/TODAY/00001-7.png", "mine/deep/TODAY/00002-7.png"]),
    ],
)
def test_patterns_and_folders(tmp_path: Path, settings: dict[str, Any], expected: list[str]) -> None:
    assert [path_of(tmp_path, **settings) for _ in range(2)] == expected


def test_grids_and_pictures_from_pictures_have_their_own_folders(tmp_path: Path) -> None:
    changed = dataclasses.replace(REQUEST, init=Init(image="sha256:" + "0" * 64))
    assert path_of(tmp_path, changed) == "img2img-images/TODAY/00001-7.png"
    assert path_of(tmp_path, changed, "grid") == "img2img-grids/TODAY/grid-0001.png"
    assert path_of(tmp_path, grid="grid", grid_format="jpg") == "txt2img-grids/TODAY/grid-0001.jpg"
    assert path_of(tmp_path, grid="grid", grid_extended_filename=True) == "txt2img-grids/TODAY/grid-0002-7.png"
    assert path_of(tmp_path, grid="grid", grid_save_to_dirs=False, outdir_grids="grids") == "grids/grid-0001.png"


@pytest.mark.parametrize("text", ["/etc", "../up", "a/../../b", "C:/x", "~/x", "a|b", "x\0", "\\\\server\\share", "dots../x"])
def test_folders_that_lead_out_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        with_values(Saving(), {"outdir_txt2img_samples": text})
    assert caught.value.field == "outdir_txt2img_samples" and caught.value.remedy


@pytest.mark.parametrize(("text", "expected"), [("outputs/a", "a"), (" a / b ", "a/b"), ("log/images", "images"), ("", "."), ("./x", "x")])
def test_folders_as_they_are_typed(text: str, expected: str) -> None:
    assert place(text).as_posix() == expected


@pytest.mark.parametrize("format", ["png", "jpg", "webp", "avif"])
@pytest.mark.parametrize("texts", [True, False])
def test_formats_carry_the_texts_unless_told_otherwise(tmp_path: Path, format: str, texts: bool) -> None:
    made, notes = keep(tmp_path, samples_format=format, jpeg_quality=90, enable_pnginfo=texts)
    assert not notes and made.path and made.path.suffix == f".{format}"
    found = files.read(made.path)
    assert (found.format, found.size) == (format, (48, 32))
    assert found.parameters == ("a red apple\nSteps: 20" if texts else "")
    assert (found.document or {}).get("request") == (to_dict(REQUEST) if texts else None)
    assert (found.document or {}).get("file") == ({"format": format, "quality": 90} if texts and format != "png" else None)
    assert made.data == made.path.read_bytes()
    assert np.array_equal(pixels(made.path.read_bytes()), np.asarray(NOISE)) == (format == "png")


def test_lossless_webp_keeps_every_pixel(tmp_path: Path) -> None:
    made, _ = keep(tmp_path, samples_format="webp", webp_lossless=True)
    assert made.path and np.array_equal(pixels(made.path.read_bytes()), np.asarray(NOISE))
    assert "file" not in (files.read(made.path).document or {})


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_text_lies_beside(tmp_path: Path) -> None:
    made, _ = keep(tmp_path, save_txt=True, samples_format="jpg")
    assert made.path and made.path.with_suffix(".txt").read_text() == "a red apple\nSteps: 20\n"
    made.path.unlink()
    again, _ = keep(tmp_path, save_txt=True)
    assert again.path and sorted(path.name for path in again.path.parent.iterdir()) == ["00001-7.txt", "00002-7.png", "00002-7.txt"]


def test_a_format_that_cannot_hold_the_picture_becomes_png(tmp_path: Path) -> None:
    wide = Image.new("RGB", (16400, 1))
    keeper = Keeper(Outputs(tmp_path), with_values(Saving(), {"samples_format": "webp"}), REQUEST)
    made, notes = keeper.keep(picture(image=wide), REQUEST)
    assert made.path and made.path.suffix == ".png" and files.read(made.path).size == (16400, 1)
    assert "16383" in notes[0]


def test_a_pattern_that_the_disk_refuses_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some disks take shorter names than others."""

    def short(folder: Path, name_of: Callable[[int], str], data: bytes, start: int) -> Path:
        if len(name_of(start)) > 40:
            raise OutputTrouble("The name is too long.", "Choose a shorter name.")
        return write_new(folder, name_of, data, start)

    monkeypatch.setattr("modules.engine.save.write_new", short)
    made, notes = keep(tmp_path, samples_filename_pattern="[prompt]" * 8)
    assert made.path and made.path.name == "00001-7.png" and made.path.is_relative_to(tmp_path / "outputs")
    assert "too long" in notes[0] and "00001-7.png" in notes[0]


def test_a_folder_that_stands_in_the_way_falls_back(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "taken").write_text("a file")
    made, notes = keep(tmp_path, outdir_txt2img_samples="taken")
    assert made.path and made.path.is_relative_to(tmp_path / "outputs" / "txt2img-images") and len(notes) == 1
    (tmp_path / "outputs" / "txt2img-grids").write_text("a file")
    made, notes = keep(tmp_path, grid="grid")
    assert made.path and made.path.is_relative_to(tmp_path / "rescue") and made.path.name == "grid-0001.png" and len(notes) == 1


def test_a_script_goes_on_from_every_pixel_whatever_the_files_lost(tmp_path: Path) -> None:
    looped = dataclasses.replace(REQUEST, script=Script(name="Loopback"))
    made, _ = keep(tmp_path, looped, samples_format="jpg")
    assert made.path and made.path.suffix == ".jpg"
    assert np.array_equal(pixels(made.data), np.asarray(NOISE))
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
