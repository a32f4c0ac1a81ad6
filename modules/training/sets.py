"""Pictures that were brought to be trained on: a folder for each set of them, with a .txt of each picture's caption beside it. No torch.

Names come from outside: none of them leads out of its folder. Nothing is ever replaced or deleted: what is taken out is laid aside in the set.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from modules.core.errors import InvalidRequest, NotFound
from modules.core.files import make_folder, piecewise, replace, trouble, write_new
from modules.core.limits import RESERVED
from modules.imaging.opening import opened
from modules.training import dataset
from modules.training.dataset import CAPTION_LIMIT, ENDINGS, Entry, Finding

MOST = 5000
"""Pictures of a set; more than that are a matter for the command line."""
NAME_LIMIT = 80
FORBIDDEN = set('/\\:*?"<>|')
OWNER, ASIDE = ".owner", ".taken-out"
LARGEST = 128 * 2**20
"""Bytes of a picture."""


@dataclass(frozen=True)
class Summary:
    name: str
    pictures: int
    changed: float


class Sets:
    """root: where they lie. user: who asks, "" where there are no logins; everybody sees their own sets, and those of nobody. Any thread may call anything."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._adding = threading.Lock()

    def known(self, user: str = "") -> list[Summary]:
        """The newest first."""
        found = []
        with contextlib.suppress(OSError):
            for place in os.scandir(self.root):
                if place.is_dir() and not place.name.startswith(".") and self._visible(Path(place.path), user):
                    count = sum(Path(name).suffix.lower() in ENDINGS and not name.startswith(".") for name in os.listdir(place.path))
                    found.append(Summary(place.name, count, place.stat().st_mtime))
        return sorted(found, key=lambda one: (-one.changed, one.name))

    def make(self, wish: str, user: str = "") -> str:
        """A new, empty set. wish: what it would be called. -> its name. Raises OutputTrouble."""
        make_folder(self.root)
        name = plain(wish) or "pictures"
        for number in range(1, 10_000):
            folder = self.root / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise trouble(error, folder) from None
            if user:
                replace(folder / OWNER, user.encode())
            return folder.name
        raise InvalidRequest(f"There are too many sets called {name}.", "Choose another name.", "name")

    def folder(self, name: str, user: str = "") -> Path:
        """Raises NotFound, also for another user's."""
        folder = self.root / name
        if not name or name.startswith(".") or set(name) & FORBIDDEN or "\0" in name or not folder.is_dir() or not self._visible(folder, user):
            raise NotFound(f"There is no set of pictures {name[:80]!r}.", "Choose one of the list, or drop pictures for a new one.", "set")
        return folder

    def read(self, name: str, user: str = "") -> tuple[list[Entry], list[Finding]]:
        """As `dataset.read`. Raises NotFound."""
        return dataset.read(self.folder(name, user))

    def picture(self, name: str, picture: str, user: str = "") -> Path:
        """The file of one picture. Raises NotFound."""
        folder = self.folder(name, user)
        path = folder / picture
        parts = PurePosixPath(picture).parts
        if not parts or "\0" in picture or any(part.startswith(".") or set(part) & FORBIDDEN for part in parts) or path.suffix.lower() not in ENDINGS:
            raise NotFound(f"There is no picture {picture[:80]!r}.", "Look at the set again.", "picture")
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise NotFound(f"There is no picture {picture[:80]!r}.", "It was taken out, or moved. Look at the set again.", "picture")
        return path

    def add(self, name: str, file: str, data: bytes, user: str = "") -> str:
        """Keeps a picture, byte for byte. file: what it was called. -> what it is called here; the same bytes are kept once. Raises NotFound, BadPicture,
        InvalidRequest, OutputTrouble."""
        folder = self.folder(name, user)
        if len(data) > LARGEST:
            raise InvalidRequest(f"The file has more than {LARGEST >> 20} MB.", "Use a smaller one.")
        opened(data)
        with Image.open(io.BytesIO(data)) as image:
            ending = f".{(image.format or 'png').lower()}"
        called = PurePosixPath(file.replace("\\", "/")).name
        suffix = PurePosixPath(called).suffix.lower()
        stem = plain(PurePosixPath(called).stem) or "picture"
        with self._adding:
            there = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS]
            digest = hashlib.sha256(data).digest()
            for path in there:
                if path.stat().st_size == len(data) and hashlib.sha256(path.read_bytes()).digest() == digest:
                    return path.name
            if len(there) >= MOST:
                raise InvalidRequest(f"A set takes {MOST} pictures at most.", "Train on a folder with python launch.py train.", "set")
            taken = {path.stem.casefold() for path in folder.iterdir()}  # two pictures of one stem would share their caption
            number = next(number for number in range(1, MOST + 2) if _numbered(stem, number).casefold() not in taken)
            return write_new(folder, lambda count: _numbered(stem, count) + (suffix if suffix in ENDINGS else ending), data, number).name

    def caption(self, name: str, picture: str, text: str, user: str = "") -> None:
        """Raises NotFound, InvalidRequest, OutputTrouble."""
        path = self.picture(name, picture, user)
        words = " ".join(text.split())
        if len(words) > CAPTION_LIMIT:
            raise InvalidRequest(f"The caption has {len(words)} characters.", f"Use at most {CAPTION_LIMIT}.", "text")
        replace(path.with_suffix(".txt"), words.encode("utf-8", "replace"))

    def take_out(self, name: str, picture: str, user: str = "") -> None:
        """Lays a picture and its caption aside. Raises NotFound, OutputTrouble."""
        path = self.picture(name, picture, user)
        aside = self.folder(name, user) / ASIDE
        make_folder(aside)
        for one in (path, path.with_suffix(".txt")):
            target = next(aside / f"{number}-{one.name}" for number in range(1, 100_000) if not os.path.lexists(aside / f"{number}-{one.name}"))
            try:
                os.rename(one, target)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise trouble(error, target) from None

    def take_over(self, place: Path, user: str = "") -> str:
        """A new set of the pictures of another folder and of those below it, with their captions. The files there stay as they are; where the disk allows it,
        no byte is copied. -> its name. Raises InvalidRequest with what is wrong with that folder, OutputTrouble."""
        entries, findings = dataset.read(place)
        if worst := next((finding for finding in findings if finding.stops), None):
            raise InvalidRequest(str(worst), "", "folder")
        if len(entries) > MOST:
            raise InvalidRequest(f"The folder has {len(entries)} pictures, and a set takes {MOST}.", "Train on it with python launch.py train.", "folder")
        name = self.make(place.name, user)
        taken: set[str] = set()
        for entry in entries:
            stem = plain(PurePosixPath(entry.name).with_suffix("").as_posix().replace("/", "-")) or "picture"
            number = next(number for number in range(1, MOST + 2) if _numbered(stem, number).casefold() not in taken)
            path = self.root / name / f"{_numbered(stem, number)}{entry.path.suffix.lower()}"
            taken.add(path.stem.casefold())
            _shared(entry.path, path)
            if entry.caption:
                replace(path.with_suffix(".txt"), entry.caption.encode("utf-8", "replace"))
        return name

    def _visible(self, folder: Path, user: str) -> bool:
        if not user:
            return True
        try:
            return (folder / OWNER).read_text("utf-8", "replace") in ("", user)
        except OSError:
            return True


def plain(text: str) -> str:
    """What of a text can be a file's name everywhere; "" where nothing of it can."""
    kept = " ".join("".join(" " if letter in FORBIDDEN or not letter.isprintable() else letter for letter in text).split())[:NAME_LIMIT].strip(" .")
    return f"_{kept}" if RESERVED.match(kept) else kept


def _numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def _shared(source: Path, path: Path) -> None:
    """The same bytes under a second name: a second way to them where both lie on one disk, else a copy."""
    with contextlib.suppress(OSError):
        os.link(source.resolve(), path)
        return
    try:
        with open(source, "rb") as given, piecewise(path) as file:
            shutil.copyfileobj(given, file, 2**20)
    except OSError as error:
        raise trouble(error, path) from None
