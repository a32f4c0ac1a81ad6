"""Pictures that a person picks with the Save button: copied into the log folder, and told in its log.csv. A1111's habit and columns.

Files are copied byte for byte, so a copy carries what its original carries.
"""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, replace, trouble
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.core.saving import Saving, place
from modules.engine import names
from modules.engine.names import Shot
from modules.engine.save import Destination, written

COLUMNS = ("prompt", "seed", "width", "height", "sampler", "cfgs", "steps", "filename", "negative_prompt", "sd_model_name", "sd_model_hash")
LOG = "log.csv"
ZIP = "[datetime]_[[model_name]]_[seed]-[seed_last]"


@dataclass(frozen=True)
class Pick:
    """One picture as its file: data, its ending without a dot, and what a name may tell of it."""

    data: bytes
    ending: str
    shot: Shot


def pick_of(data: bytes, ending: str, request: GenerationRequest, whole: GenerationRequest, size: tuple[int, int], index: int, user: str) -> Pick:
    """request: that makes the picture alone. whole: of its job. size: width and height in pixels."""
    return Pick(data, ending.lstrip("."), Shot(Picture(data, *size, request, "", index), whole, whole, user))


class Picked:
    """root: the log folder. saving: how pictures become files, as it is now. Any thread may call anything."""

    def __init__(self, root: Path, saving: Callable[[], Saving]) -> None:
        self._root, self._saving = root, saving
        self._lock = threading.Lock()

    def keep(self, picks: Sequence[Pick]) -> list[Path]:
        """Copies the pictures; one line of the log tells of the first. -> the copies, below `root`. Raises OutputTrouble; copies made so far stay."""
        saving = self._saving()
        folder = self._root / place(saving.outdir_save)
        with self._lock:
            copies = [written(self._folder(folder, one.shot, saving), one.data, self._destination(one, saving)) for one in picks]
            if copies and saving.save_write_log_csv:
                logged(folder / LOG, row_of(picks[0].shot, copies[0].name))
        return [copy.relative_to(self._root) for copy in copies]

    def zip_name(self, shot: Shot) -> str:
        """A1111's name of a file that holds all pictures of a job."""
        return names.name(ZIP, shot) + ".zip"

    def _folder(self, folder: Path, shot: Shot, saving: Saving) -> Path:
        return folder.joinpath(*names.folders(saving.directories_filename_pattern, shot)) if saving.use_save_to_dirs_for_ui else folder

    def _destination(self, one: Pick, saving: Saving) -> Destination:
        name = names.name(saving.samples_filename_pattern or "[seed]", one.shot)
        return Destination(seed=one.shot.one.seed, ending=one.ending, name=name, numbered=saving.save_images_add_number)


def row_of(shot: Shot, file_name: str) -> Mapping[str, object]:
    one = shot.one
    values = (one.prompt, one.seed, shot.picture.width, shot.picture.height, one.sampler, one.cfg_scale, one.steps, file_name, one.negative_prompt)
    return dict(zip(COLUMNS, (*values, one.model, one.model_hash[:10]), strict=True))


def logged(path: Path, row: Mapping[str, object]) -> None:
    """Adds a line; a log of fewer columns gets the newer ones, empty in its old lines. Raises OutputTrouble."""
    try:
        make_folder(path.parent)
        with path.open("a+", encoding="utf-8", errors="replace", newline="") as file:
            file.seek(0)
            header = next(csv.reader(file), [])
            if header == list(COLUMNS):
                file.seek(0, os.SEEK_END)
                _write(file, [row])
                file.flush()
                os.fsync(file.fileno())
                return
            old = [dict(zip(header, line, strict=False)) for line in csv.reader(file)]
    except (OSError, csv.Error) as error:
        raise trouble(error, path) if isinstance(error, OSError) else OutputTrouble(f"{path} is no table: {error}.", "Move it away.") from None
    whole = io.StringIO(newline="")
    csv.writer(whole).writerow(COLUMNS)
    _write(whole, [{name: line.get(name, "") for name in COLUMNS} for line in old] + [dict(row)])
    replace(path, whole.getvalue().encode("utf-8", "replace"))


def _write(file: io.TextIOBase, rows: Sequence[Mapping[str, object]]) -> None:
    csv.DictWriter(file, COLUMNS).writerows(rows)
