"""Makes files of a job's pictures as the settings say: format, name, folder, text beside. A picture is on the disk before anyone is told of it.

What the settings ask for and a format refuses falls back to png with a note; what the disk refuses is `engine.save`'s matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from modules.core.errors import EaselError, OutputTrouble
from modules.core.files import write_new
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.core.saving import Format, Saving
from modules.engine import names
from modules.engine.names import Shot
from modules.engine.save import Destination, Saver
from modules.infotext import files


@dataclass(frozen=True)
class Keeper:
    """Saves the pictures of one job. saving: how. asked: the request as it was submitted. user: who submitted it. began: when the job did."""

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
        data, ending, notes = self._encoded(picture, self.saving.grid_format if grid else self.saving.samples_format)
        path, note = self.outputs.save(data, self._destination(shot, ending))
        notes += [note] if note else []
        if self.saving.save_txt:
            try:
                write_new(path.parent, lambda number: f"{path.stem}{f'-{number}' if number else ''}.txt", f"{picture.infotext}\n".encode("utf-8", "replace"), 0)
            except OutputTrouble as trouble:
                notes.append(f"The text beside {path.name} was not written: {trouble}")
        exact = data == picture.data or not self.asked.script.name  # a script may go on from its pictures, and needs every pixel of them
        return picture.saved(path, "" if exact else hashlib.sha256(data).hexdigest(), exact), notes

    def _encoded(self, picture: Picture, format: Format) -> tuple[bytes, str, list[str]]:
        """-> (the file, its ending, notes)."""
        saving = self.saving
        try:
            return files.converted(picture.data, format, saving.jpeg_quality, saving.webp_lossless, saving.enable_pnginfo), format, []
        except (EaselError, OSError, ValueError, MemoryError) as error:
            return picture.data, "png", [f"The picture was saved as png: {error}"]

    def _destination(self, shot: Shot, ending: str) -> Destination:
        saving, grid = self.saving, shot.basename
        kind = f"{'img2img' if shot.whole.init.image else 'txt2img'}-{'grids' if grid else 'images'}"
        folder = Path(saving.folder(kind))
        if saving.grid_save_to_dirs if grid else saving.save_to_dirs:
            folder = folder.joinpath(*names.folders(saving.directories_filename_pattern, shot))
        usual = "[seed]" if saving.save_to_dirs else "[seed]-[prompt_spaces]"
        named = "" if grid and not saving.grid_extended_filename else names.name(saving.samples_filename_pattern or usual, shot)
        return Destination(
            seed=shot.one.seed, kind=kind, grid=grid, ending=ending, folder=folder, name=named, numbered=saving.save_images_add_number or bool(grid)
        )
