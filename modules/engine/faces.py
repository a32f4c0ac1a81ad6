"""Faces restored: found on a picture, drawn anew one by one, and laid back. Knows no upscaler; which files act is `engine.face_names`' matter.

Without A1111's third network, which tells hair and background from skin: a face fades out towards the edges of its square.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from modules.engine.face_names import Pair
from modules.engine.upscalers import Watched, pause
from modules.engine.warm import Warm
from modules.imaging import faces as squares
from modules.networks import face_detector, face_restorers

NARROW = 5
"""Pixels between the eyes: a smaller face has nothing to restore."""


@dataclass
class FaceRestorers:
    networks: Warm

    def restored(self, image: Image.Image, pair: Pair, visibility: float, weight: float, watched: Watched) -> tuple[Image.Image, int]:
        """-> the picture (RGB or RGBA, as it was) with its faces restored, and how many there were. weight: CodeFormer's.
        Raises Stopped when somebody cancels, BadModelFile, OutputTrouble."""
        look, device = pause(watched.cancel), self.networks.machine.device
        picture = np.array(image.convert("RGB"))
        detector = self.networks.loaded(pair.detector, partial(face_detector.load, device=device, name=pair.detector.path.name))
        found = [points for points in detector.faces(picture, look) if np.hypot(*(points[0] - points[1])) >= NARROW]
        if not found:
            return image, 0
        restorer = self.networks.loaded(pair.restorer, partial(face_restorers.load, device=device, name=pair.restorer.path.name))
        before = picture.copy()  # of two faces side by side neither is cut out of the other's new one
        for done, points in enumerate(found):
            into = squares.turn(points, restorer.side)
            squares.laid(picture, restorer.restore(squares.cut(before, into, restorer.side), weight, look), into, visibility)
            watched.told(done + 1, len(found))
        result = Image.fromarray(picture)
        if image.mode == "RGBA":
            result.putalpha(image.getchannel("A"))
        return result, len(found)
