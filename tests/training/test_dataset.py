"""Folders of pictures as people have them, and everything that is wrong with some."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from modules.core.errors import InvalidRequest
from modules.training import checking, dataset
from tests.training.painting import folder, picture


def said(place: Path, worded: bool = False) -> list[str]:
    return [str(finding) for finding in checking.check(place, 64, worded).findings]


def test_captions_from_tables_and_texts_in_sub_folders(tmp_path: Path) -> None:
    folder(tmp_path, 2)
    deeper = tmp_path / "deeper" / "still"
    deeper.mkdir(parents=True)
    for name in ("a.png", "b.jpg", "c.webp"):
        picture(ord(name[0])).save(deeper / name)
    (deeper / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": "from jsonl"}) + "\n\n")
    (deeper / "b.txt").write_text("  from a\n text file ")
    (tmp_path / ".hidden").mkdir()
    picture(9).save(tmp_path / ".hidden" / "x.png")
    entries, findings = dataset.read(tmp_path)
    assert not findings
    assert {entry.name: entry.caption for entry in entries} == {
        "0.png": "a 0 thing", "1.png": "a 1 thing", "deeper/still/a.png": "from jsonl", "deeper/still/b.jpg": "from a text file", "deeper/still/c.webp": "",
    }  # fmt: skip


def test_tables_above_the_folders_of_their_pictures(tmp_path: Path) -> None:
    """As datasets are handed on: the table stands in a folder that has no picture itself."""
    folder(tmp_path / "train" / "images", 2)
    (tmp_path / "train" / "images" / "metadata.csv").unlink()
    table = tmp_path / "train" / "metadata.csv"
    table.write_text("file_name,text\nimages/0.png,zero\nimages/1.png,outer\n")
    entries, findings = dataset.read(tmp_path)
    assert not findings and {entry.name: entry.caption for entry in entries} == {"train/images/0.png": "zero", "train/images/1.png": "outer"}
    (tmp_path / "train" / "images" / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "inner"}')
    assert [entry.caption for entry in dataset.read(tmp_path)[0]] == ["zero", "inner"], "the table next to a picture is nearer to it"
    (tmp_path / "elsewhere").mkdir()
    for place, word in ((table, "train/images/gone.png"), (tmp_path / "elsewhere" / "metadata.csv", "elsewhere/images/gone.png")):
        place.write_text("file_name,text\nimages/gone.png,b\n")
        stopped = checking.check(tmp_path, 64, True).stopped
        assert stopped and "names files that are not there" in stopped.what and word in stopped.files
        place.unlink()


def test_pictures_beyond_the_most_are_no_missing_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "MOST", 2)
    entries, findings = dataset.read(folder(tmp_path, 3))
    assert [entry.name for entry in entries] == ["0.png", "1.png"]
    assert [finding.what for finding in findings] == ["There are 3 pictures; the first 2 by name are used."] and not findings[0].stops


def test_a_good_folder_says_nothing(tmp_path: Path) -> None:
    assert said(folder(tmp_path)) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("file_name,text\n0.png,a\nnot-there.png,b\n", "names files that are not there"),
        ("file_name,text\n../../etc/passwd,b\n", "leads out of the folder"),
        ("file_name,text\n/etc/passwd,b\n", "leads out of the folder"),
        ("picture,words\n0.png,a\n", "file_name and text"),
        ("", "file_name and text"),
        ("file_name,text\n\xff\xfe", "no UTF-8"),
    ],
)
def test_tables_that_stop_a_training(tmp_path: Path, table: str, expected: str) -> None:
    folder(tmp_path, 1)
    (tmp_path / "metadata.csv").write_bytes(table.encode("latin-1"))
    checked = checking.check(tmp_path, 64, True)
    assert checked.stopped and expected in str(checked.stopped)
    with pytest.raises(InvalidRequest, match="metadata.csv|captions"):
        checked.usable("data.folder")


def test_folders_that_stop_a_training(tmp_path: Path) -> None:
    assert "There is no folder" in said(tmp_path / "nowhere")[0]
    assert "There are no pictures" in said(tmp_path)[0]
    assert "There is no folder" in said(Path("\0"))[0]
    picture(1).save(tmp_path / "a.png")
    assert "No picture has a caption" in said(tmp_path)[0]
    assert said(tmp_path, worded=True) == []
    (tmp_path / "a.png").write_bytes(b"\x89PNG nothing")
    assert "None of the pictures can be used" in said(tmp_path)[0]


def test_what_is_wrong_with_single_pictures(tmp_path: Path) -> None:
    folder(tmp_path, 3)
    picture(1, 16, 90).save(tmp_path / "thin.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "same.png").write_bytes((tmp_path / "0.png").read_bytes())
    picture(1, 96, 96).save(tmp_path / "near.png")
    picture(7, 40, 40).save(tmp_path / "small.png")
    (tmp_path / "silent.png").write_bytes(b"")
    picture(8).save(tmp_path / "silent.png")
    words = "\n".join(said(tmp_path))
    for name, reason in [("broken.jpg", "cannot be read"), ("thin.png", "under 32 pixels"), ("same.png", "byte for byte"), ("near.png (as 1.png)", "nearly the same"), ("small.png", "enlarged"), ("silent.png", "without a caption")]:  # fmt: skip
        assert any(name in line and reason in line for line in words.splitlines()), (name, words)
    assert {entry.name for entry in checking.check(tmp_path, 64, False).entries} >= {"0.png", "same.png", "near.png", "small.png"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_that_lead_out_are_left_out(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", 1)
    inside = folder(tmp_path / "inside", 1)
    (inside / "link.png").symlink_to(outside / "0.png")
    picture(5).save(inside / "own.png")
    (inside / "own.txt").symlink_to(outside / "metadata.csv")
    entries, findings = dataset.read(inside)
    assert {entry.name: entry.caption for entry in entries} == {"0.png": "a 0 thing", "own.png": ""}
    assert "lead out of the folder" in str(findings[0]) and "link.png" in str(findings[0])
