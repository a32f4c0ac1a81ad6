"""Faces of a drawn picture restored where its request asks for that: A1111's place for it, behind the autoencoder and before colours, overlays and saving.

Knows no canvas and no model that draws; which files act is `engine.face_names`' matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from modules.core.errors import NotNumbers
from modules.core.groups.faces import RestoredFaces
from modules.core.result import Cancel
from modules.engine import face_names
from modules.engine.face_names import FaceShelf
from modules.engine.faces import FaceRestorers
from modules.engine.features.watch import Stopped
from modules.engine.upscalers import Watched

NO_FACE = "No face was found to be restored."


@dataclass(frozen=True)
class Restoring:
    """shelf: the catalog. told: is told that it has begun. say: takes what the user should know."""

    restorers: FaceRestorers
    shelf: FaceShelf
    cancel: Callable[[], Cancel]
    told: Callable[[], None]
    say: Callable[[str], None]

    def restored(self, image: Image.Image, faces: RestoredFaces) -> Image.Image:
        """faces: of a resolved request. What a network makes no numbers of stays, and is said.
        Raises Stopped when somebody cancels, NotFound, BadModelFile, OutputTrouble."""
        pair = face_names.pair_of(faces, self.shelf)
        if pair is None:
            return image
        self.told()
        try:
            image, found = self.restorers.restored(image, pair, 1.0, faces.weight, Watched(cancel=self.cancel))
        except NotNumbers as error:  # no reason to lose a picture that is drawn
            self.say(f"Faces stayed as they were drawn. {error}")
            return image
        if not found:
            self.say(NO_FACE)
        return image


def retouched(retouch: Callable[[Image.Image], Image.Image], image: Image.Image) -> tuple[Image.Image, Cancel]:
    """-> the picture, as it was where somebody cancelled, and how that was."""
    try:
        return retouch(image), Cancel.NONE
    except Stopped as stop:
        return image, stop.how
