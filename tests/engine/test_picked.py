"""The Save button: copies, byte for byte, and a log that a spreadsheet reads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from modules.core.errors import OutputTrouble
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.saving import Saving
from modules.engine.picked import COLUMNS, Pick, Picked, logged, pick_of


def pick(prompt: str = 'a "red", apple\nof =1+1', **values: object) -> Pick:
    request = with_values(GenerationRequest(), {"prompt": prompt, "seed": 7, "model": "tiny", "model_hash": "0123456789abcdef", **values})
    return pick_of(b"the file", ".jpg", request, request, (512, 640), 0, "")


def picked(root: Path, **settings: object) -> Picked:
    return Picked(root, lambda: with_values(Saving(), settings))


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_picture_is_copied_and_told(tmp_path: Path) -> None:
    keeper = picked(tmp_path)
    assert [path.as_posix() for path in keeper.keep([pick()])] == ["images/00001-7.jpg"]
    assert [path.as_posix() for path in keeper.keep([pick(), pick(seed=8)])] == ["images/00002-7.jpg", "images/00003-8.jpg"]
    assert (tmp_path / "images" / "00003-8.jpg").read_bytes() == b"the file"
    header, *lines = rows(tmp_path / "images" / "log.csv")
    assert (
        header
        == list(COLUMNS)
        == ["prompt", "seed", "width", "height", "sampler", "cfgs", "steps", "filename", "negative_prompt", "sd_model_name", "sd_model_hash"]
    )
    assert lines[0] == ['a "red", apple\nof =1+1', "7", "512", "640", "DPM++ 2M", "7.0", "20", "00001-7.jpg", "", "tiny", "0123456789"]
    assert [line[7] for line in lines] == ["00001-7.jpg", "00002-7.jpg"], "one line for each click, of its first picture"


def test_the_settings_act(tmp_path: Path) -> None:
    keeper = picked(tmp_path, save_write_log_csv=False, use_save_to_dirs_for_ui=True, directories_filename_pattern="[model_name]", outdir_save="log/best")
    assert keeper.keep([pick()])[0].as_posix() == "best/tiny/00001-7.jpg"
    assert not list(tmp_path.rglob("log.csv"))
    keeper = picked(tmp_path, samples_filename_pattern="[steps]", save_images_add_number=False)
    assert [keeper.keep([pick()])[0].as_posix() for _ in range(2)] == ["images/20.jpg", "images/20-1.jpg"]


def test_a_log_of_fewer_columns_gets_the_newer_ones(tmp_path: Path) -> None:
    log = tmp_path / "images" / "log.csv"
    log.parent.mkdir()
    log.write_text("prompt,seed,filename\n\u00e4 pear,5,00000-5.png\n", encoding="utf-8")
    picked(tmp_path).keep([pick(prompt="new")])
    header, old, new = rows(log)
    assert header == list(COLUMNS)
    assert (old[0], old[1], old[7], old[10]) == ("\u00e4 pear", "5", "00000-5.png", "")
    assert new[0] == "new"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(OutputTrouble):
        logged(tmp_path / "log.csv", dict.fromkeys(COLUMNS, ""))
    (tmp_path / "images").write_text("a file")
    with pytest.raises(OutputTrouble):
        picked(tmp_path).keep([pick()])


def test_the_name_of_a_zip(tmp_path: Path) -> None:
    request = GenerationRequest(seed=7, count=3, model="tiny")
    name = picked(tmp_path).zip_name(pick_of(b"", ".png", request, request, (8, 8), 0, "").shot)
    assert name.endswith("_[tiny]_7-9.zip")
