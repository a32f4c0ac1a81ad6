"""The data package: one file of a megabyte with every cut-out, their names and their licence. Made from a public package of pictures, or from any folder.

A package is a zip of WebP or PNG pictures with a transparent ground, `index.json` (`[[name, plural], ...]`, in the order in which smaller models learn them) and
the licence. It is written the same way every time, so one hash names it. Nothing in it is run, and sizes are looked at before anything is decoded. No torch.

Source of the pictures: Fluent Emoji 3D (Microsoft, MIT licence), as the npm package `@lobehub/fluent-emoji-3d` 1.1.0 holds them, 256 x 256 each.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.core.files import replace
from modules.imaging.opening import opened
from modules.training.starter.objects import OBJECTS

PACKAGE = Path(__file__).parent / "objects.zip"
"""The one that comes with Easel, and its sha256."""
SHA256 = "3372d4babbd9778e4fc97b5d2cb0e9580169102f3f203341b947f6a485dcb91b"
TARBALL = "lobehub-fluent-emoji-3d-1.1.0.tgz"
"""What it is made from, as `npm pack @lobehub/fluent-emoji-3d@1.1.0` names it."""

INDEX, LICENCE = "index.json", "LICENSE"
LARGEST = 2**22
"""Bytes of one picture."""
MOST = 2000
"""Pictures."""
SIDE = 256
"""Pixels of a cut-out's square."""
MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
FLUENT = f"""Fluent Emoji (https://github.com/microsoft/fluentui-emoji)

MIT License

Copyright (c) Microsoft Corporation.

{MIT}"""


class Cutout(NamedTuple):
    """image: a square, in mode "RGBa": colours already multiplied by their opacity, what is seen filling it in one direction."""

    name: str
    plural: str
    image: Image.Image


class Package(NamedTuple):
    """sha256: of all that decides the cut-outs."""

    cutouts: tuple[Cutout, ...]
    sha256: str
    licence: str


def make(tarball: Path, target: Path) -> str:
    """Writes the package of all `OBJECTS`, in place of an older one. -> its sha256. Raises NotFound, BadPicture, OutputTrouble."""
    wanted = {f"package/assets/{one.picture}.webp": one for one in OBJECTS}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(tarball, "r:*") as tar:
            for member in tar:
                if member.name in wanted and member.isfile() and member.size <= LARGEST and (file := tar.extractfile(member)):
                    found[wanted[member.name].name] = file.read(LARGEST)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise NotFound(f"{tarball.name} cannot be read ({error}).", f"Fetch it with npm pack; it is called {TARBALL}.") from None
    if lacking := [one.name for one in OBJECTS if one.name not in found]:
        raise NotFound(f"{tarball.name} lacks {len(lacking)} pictures: {', '.join(lacking[:5])}.", f"It should be {TARBALL}.")
    return write(target, [(one.name, one.plural, found[one.name]) for one in OBJECTS], FLUENT)


def write(target: Path, rows: Sequence[tuple[str, str, bytes]], licence: str) -> str:
    """rows: name, plural, picture file. Raises BadPicture, OutputTrouble."""
    data = io.BytesIO()
    index = [[name, plural] for name, plural, _ in rows]
    entries = [(INDEX, json.dumps(index, indent=0).encode()), (LICENCE, licence.encode()), *((f"{name}.webp", picture) for name, _, picture in rows)]
    for name, _, picture in rows:
        _cutout(name, "", picture)
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as file:
        for name, content in entries:
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    replace(target, data.getvalue())
    return hashlib.sha256(data.getvalue()).hexdigest()


def read(path: Path = PACKAGE, first: int = 0) -> Package:
    """path: a package, or a folder of cut-outs named by what they show (`a name.png`). first: so many, 0 for all. Raises NotFound, BadPicture, InvalidRequest."""
    try:
        rows, licence = _folder(path) if path.is_dir() else _zip(path)
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError) as error:
        raise NotFound(f"{path.name} is no package of cut-outs ({type(error).__name__}).", "Make one with --make-data, or name a folder of pictures.") from None
    rows = rows[:first] if first else rows
    if len(rows) < 2:
        raise InvalidRequest(f"{path.name} holds {len(rows)} pictures.", "At least two things are needed.", "data")
    digest = hashlib.sha256()
    for name, plural, picture in rows:
        for part in (name.encode(), plural.encode(), picture):
            digest.update(len(part).to_bytes(8, "big") + part)
    return Package(tuple(_cutout(*row) for row in rows), digest.hexdigest(), licence)


def _zip(path: Path) -> tuple[list[tuple[str, str, bytes]], str]:
    with zipfile.ZipFile(path) as file:
        sizes = {entry.filename: entry.file_size for entry in file.infolist()}
        if len(sizes) > MOST + 2 or any(size > LARGEST for size in sizes.values()):
            raise ValueError(path)
        index = json.loads(file.read(INDEX))
        rows = [(str(name), str(plural), file.read(f"{name}.webp")) for name, plural in index]
        return rows, file.read(LICENCE).decode("utf-8", "replace")


def _folder(path: Path) -> tuple[list[tuple[str, str, bytes]], str]:
    pictures = sorted(one for one in path.iterdir() if one.suffix.lower() in (".png", ".webp") and one.is_file())[:MOST]
    if any(one.stat().st_size > LARGEST for one in pictures):
        raise ValueError(path)
    licence = path / LICENCE
    return [(one.stem, f"{one.stem}s", one.read_bytes()) for one in pictures], licence.read_text("utf-8", "replace") if licence.is_file() else ""


def _cutout(name: str, plural: str, data: bytes) -> Cutout:
    image = opened(data).convert("RGBA")
    box = image.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox()
    if box is None:
        raise BadPicture(f"Nothing can be seen in the picture of {name!r:.80}.", "Give a cut-out on a transparent ground.")
    seen = image.crop(box)
    square = Image.new("RGBA", (max(seen.size),) * 2)
    square.paste(seen, ((square.width - seen.width) // 2, (square.height - seen.height) // 2))
    return Cutout(name, plural, square.resize((SIDE, SIDE), Image.Resampling.LANCZOS).convert("RGBa"))
