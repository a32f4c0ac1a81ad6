"""Makes files of a job's pictures as the settings say: format, name, folder, text beside. A picture is on the disk before anyone is told of it.

What the settings ask for and a format refuses falls back to png with a note; what the disk refuses is `engine.save`'s matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from modules.core.errors import EaselError, OutputTrouble
from modules.core.files import write_new
from modules.core.request import GenerationRequest
from modules.core.result import Picture, R
from modules.core.saving import Format, Saving
from modules.engine import names
from modules.engine.names import Shot
from modules.engine.save import Destination, Saver
from modules.infotext import files


@dataclass(frozen=True)
class Files:
    """Makes files of pictures. saving: how."""

    outputs: Saver
    saving: Saving

    def put(self, picture: Picture[R], format: Format, to: Destination, exactly: bool = False) -> tuple[Picture[R], list[str]]:
        """to: its place, whatever the ending. exactly: somebody goes on from the picture and needs every pixel of it.
        -> the picture with its place, and what the user should know. Raises OutputTrouble when no place takes it."""
        data, ending, notes = self._encoded(picture, format)
        path, note = self.outputs.save(data, replace(to, ending=ending))
        notes += [note] if note else []
        if self.saving.save_txt:
            try:
                write_new(path.parent, lambda number: f"{path.stem}{f'-{number}' if number else ''}.txt", f"{picture.infotext}\n".encode("utf-8", "replace"), 0)
            except OutputTrouble as trouble:
                notes.append(f"The text beside {path.name} was not written: {trouble}")
        exact = data == picture.data or not exactly
        return picture.saved(path, "" if exact else hashlib.sha256(data).hexdigest(), exact), notes

    def _encoded(self, picture: Picture[R], format: Format) -> tuple[bytes, str, list[str]]:
        """-> (the file, its ending, notes)."""
        saving = self.saving
        try:
            return files.converted(picture.data, format, saving.jpeg_quality, saving.webp_lossless, saving.enable_pnginfo), format, []
        except (EaselError, OSError, ValueError, MemoryError) as error:
            return picture.data, "png", [f"The picture was saved as png: {error}"]


@dataclass(frozen=True)
class Keeper:
    """Saves the pictures of one job that draws. saving: how. asked: the request as it was submitted. user: who submitted it. began: when the job did."""

    outputs: Saver
    saving: Saving
    asked: GenerationRequest
    user: str = ""
    began: datetime = field(default_factory=datetime.now)

    def wants(self, picture: Picture) -> bool:
        """Whether a picture becomes a file."""
        return self.saving.samples_save and (picture.complete or self.saving.save_incomplete_images)

    def composed(self, picture: Picture, grid: str) -> tuple[Picture, list[str]]:
        """Like `keep`, of what a script put together, if it is to be kept at all."""
        wanted = self.saving.grid_save if grid else self.saving.samples_save
        return self.keep(picture, picture.request, grid) if wanted else (picture, [])

    def keep(self, picture: Picture, whole: GenerationRequest, grid: str = "") -> tuple[Picture, list[str]]:
        """whole: the resolved request of the picture's run. grid: basename of a grid, "" for a picture.
        -> the picture with its place, and what the user should know. Raises OutputTrouble when no place takes it."""
        shot = Shot(picture, whole, self.asked, self.user, self.began, self.saving.directories_max_prompt_words, grid)
        format = self.saving.grid_format if grid else self.saving.samples_format
        return Files(self.outputs, self.saving).put(
            picture, format, self._destination(shot), bool(self.asked.script.name)
        )  # a script may go on from its pictures

    def _destination(self, shot: Shot) -> Destination:
        saving, grid = self.saving, shot.basename
        kind = f"{shot.whole.work}-{'grids' if grid else 'images'}"
        folder = Path(saving.folder(kind))
        if saving.grid_save_to_dirs if grid else saving.save_to_dirs:
            folder = folder.joinpath(*names.folders(saving.directories_filename_pattern, shot))
        usual = "[seed]" if saving.save_to_dirs else "[seed]-[prompt_spaces]"
        named = "" if grid and not saving.grid_extended_filename else names.name(saving.samples_filename_pattern or usual, shot)
        return Destination(seed=shot.one.seed, kind=kind, grid=grid, folder=folder, name=named, numbered=saving.save_images_add_number or bool(grid))
