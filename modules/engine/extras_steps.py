"""What an extras request does to one picture: enlarged, cut, blended with a second upscaler's, then faces restored. A1111's order of things. Knows no file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.extras import ExtrasRequest
from modules.core.result import Cancel
from modules.engine import extras_names, face_names, upscalers
from modules.engine.extras_names import ExtrasShelf
from modules.engine.faces import FaceRestorers
from modules.engine.healing import Healing
from modules.engine.upscalers import Upscalers, Watched
from modules.imaging.opening import LARGEST, MOST
from modules.imaging.resize import Upscaler, upscale

Told = Callable[[str, int, int], None]
"""Takes the progress: the phase's name, pieces, of how many."""


@dataclass
class Made:
    """done: what was done, under A1111's keys. notes: what the user should know."""

    image: Image.Image
    done: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Steps:
    shelf: ExtrasShelf
    upscalers: Upscalers
    faces: FaceRestorers

    def made(self, image: Image.Image, request: ExtrasRequest, told: Told, cancel: Callable[[], Cancel], healing: Healing) -> Made:
        """healing: what is done where memory is short or half precision overflows. Raises Stopped when somebody cancels, Again, EaselError."""
        acting = [field for field in extras_names.FIELDS if field == "upscaler" or request.second_visibility]
        steps = [*acting, *face_names.acting(request.faces)]
        phases = ["upscaling" if step in acting else "restoring faces" for step in steps]
        parts = {step: Watched(_part(told, phases[number], number, len(steps)), cancel) for number, step in enumerate(steps)}
        made = Made(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        self._enlarge(made, request, [(field, parts[field]) for field in acting], healing)
        for name in face_names.acting(request.faces):
            healing.attempt("finishing", partial(self._restore, made, name, request, parts[name]))
        return made

    def _enlarge(self, made: Made, request: ExtrasRequest, steps: list[tuple[str, Watched]], healing: Healing) -> None:
        first, *second = [
            healing.enlarging(partial(upscalers.asked, self.upscalers, extras_names.found(request, field, self.shelf), part)) for field, part in steps
        ]
        if first is None:  # "None" leaves a picture as it is, whatever size was asked for
            return
        image = made.image
        made.image, made.done = _sized(image, request, first)
        made.done["Postprocess upscaler"] = request.upscaler
        for function in second:
            if function is not None:
                made.image = Image.blend(made.image, _sized(image, request, function)[0], request.second_visibility)
                made.done["Postprocess upscaler 2"] = request.second

    def _restore(self, made: Made, name: str, request: ExtrasRequest, watched: Watched) -> None:
        """name: a parameter of `Faces`."""
        visibility, weight = getattr(request.faces, name), request.faces.codeformer_weight
        made.image, found = self.faces.restored(made.image, face_names.find(name, request.faces, self.shelf), visibility, weight, watched)
        if not found:
            made.notes.append("No face was found.")
        made.done[f"{face_names.RESTORERS[name].family} visibility"] = f"{visibility:g}"
        if name == "codeformer":
            made.done["CodeFormer weight"] = f"{weight:g}"


def _part(told: Told, phase: str, number: int, of: int) -> Callable[[int, int], None]:
    """Of step `number` among `of`."""

    def tell(pieces: int, total: int) -> None:
        told(phase, number * total + pieces, of * total)

    return tell


def _sized(image: Image.Image, request: ExtrasRequest, upscaler: Upscaler) -> tuple[Image.Image, dict[str, object]]:
    """One upscaler's picture at the size that was asked for. Raises InvalidRequest for one that is too large."""
    exact = request.resize == "Scale to"
    scale = max(request.width / image.width, request.height / image.height) if exact else request.scale
    large = image.width * scale, image.height * scale
    if max(large) > LARGEST or large[0] * large[1] > MOST:
        what = f"The result would have {large[0]:.0f} x {large[1]:.0f} pixels; at most {LARGEST} a side and {MOST // 10**6} million in all are made."
        raise InvalidRequest(what, "Enlarge it less.", "width" if exact else "scale")
    image = upscale(image, scale, upscaler)
    if not exact:
        return image, {"Postprocess upscale by": f"{scale:g}"}
    done: dict[str, object] = {"Postprocess upscale to": f"{request.width}x{request.height}"}
    if request.crop:
        sheet = Image.new(image.mode, (request.width, request.height))
        sheet.paste(image, (request.width // 2 - image.width // 2, request.height // 2 - image.height // 2))
        image, done["Postprocess crop to"] = sheet, f"{request.width}x{request.height}"
    return image, done
