"""Sets of pictures that are brought: kept byte for byte, named safely, and everybody's own."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.training.sets import Sets, plain
from tests.training.painting import folder, picture


def data(seed: int, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture(seed).save(file, format)
    return file.getvalue()


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path / "datasets")


def test_pictures_and_captions_come_back(sets: Sets) -> None:
    name = sets.make("my thing")
    assert (name, sets.make("my thing")) == ("my thing", "my thing-2")
    assert sets.add(name, "C:\\photos\\a.png", data(1)) == "a.png"
    assert sets.add(name, "other.png", data(1)) == "a.png", "the same bytes are kept once"
    assert sets.add(name, "a.jpg", data(2, "JPEG")) == "a-2.jpg", "two pictures of one stem would share their caption"
    assert sets.add(name, "picture without ending", data(3, "WEBP")) == "picture without ending.webp"
    sets.caption(name, "a-2.jpg", "  two\n words ")
    assert (sets.root / name / "a.png").read_bytes() == data(1)
    entries, findings = sets.read(name)
    assert {entry.name: entry.caption for entry in entries} == {"a.png": "", "a-2.jpg": "two words", "picture without ending.webp": ""} and not findings
    assert [(one.name, one.pictures) for one in sets.known() if one.pictures] == [(name, 3)]

    sets.take_out(name, "a-2.jpg")
    assert len(sets.read(name)[0]) == 2
    assert sorted(path.name for path in (sets.root / name / ".taken-out").iterdir()) == ["1-a-2.jpg", "1-a-2.txt"], "nothing is lost"
    assert sets.add(name, "a.jpg", data(2, "JPEG")) == "a-2.jpg" and not sets.read(name)[0][0].caption


@pytest.mark.parametrize("file", ["../../up.png", "/etc/passwd", "..", "con.png", "a:b?.png", ".hidden.png", "x" * 300 + ".png", "", "\0.png", "ü ä.png"])
def test_no_name_leads_out(sets: Sets, file: str) -> None:
    name = sets.make(file)
    kept = sets.add(name, file, data(1))
    assert sets.picture(name, kept).read_bytes() == data(1) and len(sets.read(name)[0]) == 1
    assert {path.name for path in sets.root.parent.iterdir()} == {"datasets"} and len(list(sets.root.iterdir())) == 1


@pytest.mark.parametrize("name", ["..", "../datasets", "", ".", "nobody", "a\0b", "/etc"])
def test_a_set_is_a_name(sets: Sets, name: str) -> None:
    sets.make("x")
    with pytest.raises(NotFound):
        sets.read(name)


@pytest.mark.parametrize("name", ["../x.png", ".owner", "a.txt", "", "nothing.png", "\0.png", "link.png", ".taken-out/1-a.png"])
def test_a_picture_is_one_of_the_set(sets: Sets, name: str, tmp_path: Path) -> None:
    place = sets.root / sets.make("x")
    (tmp_path / "x.png").write_bytes(data(1))
    (place / "a.txt").write_text("words")
    (place / "link.png").symlink_to(tmp_path / "x.png")
    with pytest.raises(NotFound):
        sets.picture("x", name)
    with pytest.raises(NotFound):
        sets.caption("x", name, "words")


def test_what_is_no_picture_is_refused(sets: Sets) -> None:
    name = sets.make("")
    assert name == "pictures"
    for wrong in (b"", b"no picture", data(1)[:60]):
        with pytest.raises(BadPicture):
            sets.add(name, "a.png", wrong)
    assert list((sets.root / name).iterdir()) == []


def test_everybody_sees_their_own(sets: Sets) -> None:
    sets.make("hers", "ann")
    sets.make("shared")
    assert {one.name for one in sets.known("bob")} == {"shared"} and {one.name for one in sets.known("ann")} == {"hers", "shared"} == {
        one.name for one in sets.known()
    }
    with pytest.raises(NotFound):
        sets.folder("hers", "bob")


def test_a_folder_is_taken_over_and_left_as_it_is(sets: Sets, tmp_path: Path) -> None:
    theirs = folder(tmp_path / "theirs", 3)
    (theirs / "deeper").mkdir()
    picture(7).save(theirs / "deeper" / "0.png")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    name = sets.take_over(theirs)
    assert name == "theirs"
    assert {entry.name: entry.caption for entry in sets.read(name)[0]} == {"0.png": "a 0 thing", "1.png": "a 1 thing", "2.png": "a 2 thing", "deeper-0.png": ""}
    sets.caption(name, "0.png", "other words")
    sets.take_out(name, "1.png")
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("table", ["file_name,text\ngone.png,words\n", "nonsense"])
def test_a_folder_with_a_wrong_table_is_refused_whole(sets: Sets, tmp_path: Path, table: str) -> None:
    theirs = folder(tmp_path / "theirs", 1)
    (theirs / "metadata.csv").write_text(table)
    with pytest.raises(InvalidRequest):
        sets.take_over(theirs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no pictures"):
        sets.take_over(tmp_path / "empty")
    assert sets.known() == []


def test_a_copy_where_two_names_are_not_possible(sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*paths: object) -> None:
        raise OSError(18, "another disk")

    theirs = folder(tmp_path / "theirs", 1)
    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(OSError):
        os.link(theirs, tmp_path)
    name = sets.take_over(theirs)
    assert (sets.root / name / "0.png").read_bytes() == (theirs / "0.png").read_bytes()


def test_plain() -> None:
    assert [plain(text) for text in (" a  b. ", "a/b\\c", "NUL", "", "..", "\n")] == ["a b", "a b c", "_NUL", "", "", ""]
