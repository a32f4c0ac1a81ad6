"""Saved pictures and pasted texts on their way in: what each says of how it was made, completed by what lies here. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import EaselError
from modules.engine.companions import beside
from modules.engine.inputs import restore, told
from modules.infotext import files, read
from modules.infotext.reading import Reading


@dataclass(frozen=True)
class Intake:
    """Reads against the model files that are here, and the input pictures that are kept."""

    library: Library
    blobs: Blobs

    def picture(self, source: bytes | Path) -> Reading:
        """The request in a saved picture, whatever tool made it. Raises BadPicture."""
        data = files.load(source) if isinstance(source, Path) else source
        return told(self.completed(read.read(files.read(data))), data, self.blobs)

    def again(self, source: bytes | Path) -> Reading:
        """As `picture`, of one that is to be made again: inputs that its file carries along are kept here. Raises BadPicture, OutputTrouble."""
        data = files.load(source) if isinstance(source, Path) else source
        said = read.read(files.read(data))
        restore(data, said.again or said.request, self.blobs)
        return self.picture(data)

    def text(self, text: str) -> Reading:
        """The request in a pasted infotext."""
        return self.completed(read.read_text(text))

    def completed(self, reading: Reading) -> Reading:
        """With the upscaler, text encoders and VAE that a picture of another tool names, where their files are here."""
        if reading.request.companions and not all(reading.request.companions.values()):
            reading = reading.with_modules(*beside(reading.request, self.library))
        try:
            return reading.with_upscaler(self.library.upscaler(reading.upscaler).name) if reading.upscaler else reading
        except EaselError:
            return reading
