"""The bytes of finished pictures for the page: files as they were saved, with their texts in them, small ones for strips, and those that were never saved.

Knows jobs and files. A page asks by job and number, never by path.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from modules.core.errors import BadPicture, EaselError, NotFound, Unsupported
from modules.core.result import Picture
from modules.jobs.job import Job, PictureRecord
from modules.jobs.ticket import Ticket

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}
"""What is served, and as what. Anything else is not a picture of ours."""

THUMB_SIDE = 128
THUMBS_KEPT = 500
UNSAVED_KEPT = 256 * 2**20
"""Bytes of pictures that were not saved; the oldest job's go first."""


class Pictures:
    """outputs: the folder that records' paths are relative to. Any thread may call anything."""

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs
        self._lock = threading.Lock()
        self._thumbs: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()
        self._unsaved: OrderedDict[str, dict[int, Picture]] = OrderedDict()

    def hold(self, ticket: Ticket) -> None:
        """Keeps the claim on a job, so that those of its pictures can be shown which are no files: unsaved and interrupted ones."""
        with self._lock:
            self._tickets[ticket.id] = ticket
            self._collect()

    def available(self, job: Job, record: PictureRecord) -> bool:
        """Whether there are bytes to show: in a file, or still held."""
        if record.path:
            return True
        with self._lock:
            self._collect()
            return record.index in self._unsaved.get(job.id, {})

    def name(self, record: PictureRecord) -> str:
        """The file's name, for the person who saves it."""
        return Path(record.path).name if record.path else f"{record.index + 1:05}-{record.seed}.png"

    def data(self, job: Job, number: int) -> tuple[bytes, str]:
        """-> (the file's bytes, media type). Raises NotFound."""
        record = self.record(job, number)
        if not record.path:
            return self._never_saved(job.id, record), "image/png"
        path = self._outputs / record.path
        kind = TYPES.get(path.suffix.lower())
        if kind is None:
            raise NotFound(f"{path.name} is no picture file.")
        try:
            return path.read_bytes(), kind
        except OSError as error:
            raise NotFound(f"The file {path.name} cannot be read: {error.strerror}.", "It may have been moved or deleted.") from None

    def thumb(self, job: Job, number: int) -> bytes:
        """A small JPEG of a finished picture. Raises NotFound, BadPicture."""
        key = (job.id, number)
        with self._lock:
            if key in self._thumbs:
                self._thumbs.move_to_end(key)
                return self._thumbs[key]
        data, _ = self.data(job, number)
        small = shrunk(data)
        with self._lock:
            self._thumbs[key] = small
            while len(self._thumbs) > THUMBS_KEPT:
                self._thumbs.popitem(last=False)
        return small

    def record(self, job: Job, number: int) -> PictureRecord:
        if not 0 <= number < len(job.pictures):
            raise NotFound(f"Job {job.id} has no picture {number + 1}.")
        return job.pictures[number]

    def open_folder(self, job: Job, number: int) -> None:
        """Shows a picture's folder on the desktop of this machine. Raises NotFound, Unsupported."""
        record = self.record(job, number)
        folder = (self._outputs / record.path).parent
        if not record.path or not folder.is_dir():
            raise NotFound("The folder of this picture is not there.", "It may have been moved or deleted.")
        if not has_desktop():
            raise Unsupported("There is no desktop on this machine that could show a folder.", f"The picture lies in {folder}.")
        if sys.platform == "win32":
            os.startfile(folder)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen([opener, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def _never_saved(self, id: str, record: PictureRecord) -> bytes:
        with self._lock:
            self._collect()
            picture = self._unsaved.get(id, {}).get(record.index)
        if picture is None:
            raise NotFound("This picture was not saved.", 'Switch on "Always save all generated images" in Settings to keep every one.')
        return picture.data

    def _collect(self) -> None:
        """Takes the results of finished jobs; of them only what is no file stays in memory."""
        for id, ticket in [item for item in self._tickets.items() if item[1].done]:
            del self._tickets[id]
            made = ticket.unsaved  # of a job that failed
            with contextlib.suppress(EaselError):
                made = ticket.result(0).pictures
            unsaved = {picture.index: picture for picture in made if picture.path is None}
            if unsaved:
                self._unsaved[id] = unsaved
        while len(self._unsaved) > 1 and sum(len(picture.held) for pictures in self._unsaved.values() for picture in pictures.values()) > UNSAVED_KEPT:
            self._unsaved.popitem(last=False)


def has_desktop() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and shutil.which("xdg-open") is not None


def shrunk(data: bytes) -> bytes:
    """A JPEG of at most THUMB_SIDE pixels a side. Raises BadPicture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (THUMB_SIDE, THUMB_SIDE))
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"The picture cannot be read: {type(error).__name__}.", "Its file may be damaged.") from None
    small.thumbnail((THUMB_SIDE, THUMB_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()
