"""The data package: what is in it, that it is made the same way each time, and what is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from modules.core.errors import BadPicture, EaselError, InvalidRequest, NotFound
from modules.training.starter import package
from modules.training.starter.objects import OBJECTS
from tests.training.starter.shapes import NAMES, folder


def tarball(path: Path, leave_out: int = 0) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for number, one in enumerate(OBJECTS[leave_out:]):
            data = io.BytesIO()
            Image.new("RGBA", (12, 12), (number, 90, 200, 255)).save(data, "WEBP", lossless=True)
            entry = tarfile.TarInfo(f"package/assets/{one.picture}.webp")
            entry.size = len(data.getvalue())
            tar.addfile(entry, io.BytesIO(data.getvalue()))
    return path


def test_the_one_that_comes_with_easel_is_whole() -> None:
    assert hashlib.sha256(package.PACKAGE.read_bytes()).hexdigest() == package.SHA256
    found = package.read()
    assert [one.name for one in found.cutouts] == [one.name for one in OBJECTS] and len(found.cutouts) >= 150
    assert len({one.name for one in found.cutouts}) == len(found.cutouts)
    assert "Microsoft" in found.licence and "MIT License" in found.licence
    assert package.PACKAGE.stat().st_size < 4 * 2**20
    assert all(one.image.size == (package.SIDE, package.SIDE) and one.image.mode == "RGBa" for one in found.cutouts)
    assert "snowman" not in [one.name for one in OBJECTS]  # what Easel's tests teach a model anew


def test_it_is_made_the_same_way_each_time(tmp_path: Path) -> None:
    source = tarball(tmp_path / "pictures.tgz")
    first, again = (package.make(source, tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first == again == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    assert [one.plural for one in package.read(tmp_path / "a.zip", 7).cutouts] == [one.plural for one in OBJECTS[:7]]


def test_a_folder_serves_too_and_another_picture_is_other_data(tmp_path: Path) -> None:
    place = folder(tmp_path / "cut")
    found = package.read(place)
    assert tuple(one.name for one in found.cutouts) == NAMES and found.cutouts[0].plural == "balls"
    (place / "ball.png").write_bytes((place / "box.png").read_bytes())
    assert package.read(place).sha256 != found.sha256


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="lacks 3 pictures: cat face"):
        package.make(tarball(tmp_path / "few.tgz", 3), tmp_path / "x.zip")
    (tmp_path / "no.tgz").write_bytes(b"nothing")
    with pytest.raises(NotFound, match=r"no\.tgz cannot be read"):
        package.make(tmp_path / "no.tgz", tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()
    empty = folder(tmp_path / "empty")
    Image.new("RGBA", (8, 8)).save(empty / "air.png")
    with pytest.raises(BadPicture, match="Nothing can be seen in the picture of 'air'"):
        package.read(empty)
    one = tmp_path / "one"
    one.mkdir()
    (one / "ball.png").write_bytes((empty / "ball.png").read_bytes())
    with pytest.raises(InvalidRequest, match="one holds 1 pictures"):
        package.read(one)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", {"index.json": b"[[1]]"}, {"index.json": b'[["a", "b"]]'}, {"index.json": b"{"}, {"x": b""}])
def test_damaged_packages_are_refused(tmp_path: Path, content: bytes | dict[str, bytes]) -> None:
    path = tmp_path / "x.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as file:
            for name, data in content.items():
                file.writestr(name, data)
    with pytest.raises(EaselError, match=r"x\.zip is no package of cut-outs"):
        package.read(path)
