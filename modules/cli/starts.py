"""`--init`, `--mask`, `--depth` and the pictures of `--control`: what a run starts from and is guided by, named by paths. They are kept as inputs by their content, so the picture can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from modules.cli.parser import BadWords, Parser
from modules.core.blobs import REFERENCE, Blobs
from modules.core.errors import BadPicture, InvalidRequest
from modules.imaging.opening import opened
from modules.imaging.sizes import LATENT
from modules.infotext import files

PLACES = {"init": "init.image", "mask": "mask.image", "depth": "init.depth"}
"""Flag -> the field that takes the picture's reference."""
SMALLEST = 64
"""Pixels of a side, as of any request."""


@dataclass(frozen=True)
class Start:
    """A picture that was read and is one. data: its file."""

    data: bytes
    image: Image.Image


def add_starts(parser: Parser) -> None:
    group = parser.add_argument_group("work on a picture", "Without --width and --height the result has the size of the start picture.")
    group.add_argument("--init", metavar="PATH", help="the picture to start from (img2img); how freely it is drawn anew: --init-strength")
    group.add_argument("--mask", metavar="PATH", help="a second picture of the same shape (inpainting): what is white in it is drawn anew")
    group.add_argument("--depth", metavar="PATH", help="a depth map for a depth-to-image model: bright where something is near")


def starts_of(init: str | None, mask: str | None, values: Mapping[str, Any], depth: str | None = None) -> dict[str, Start]:
    """The pictures that were named, by flag; looked at before anything is loaded. values: what else was asked for, by field name.
    Raises BadWords, BadPicture, InvalidRequest."""
    named = {flag: path for flag, path in (("init", init), ("mask", mask), ("depth", depth)) if path is not None}
    for flag in named:
        if PLACES[flag] in values:
            raise BadWords(f"--{flag} and --{PLACES[flag].replace('.', '-')} both name a picture. Give one of them.")
    if mask is not None and init is None and "init.image" not in values:
        raise BadWords("--mask says which part of a picture is drawn anew, but there is no picture. Name it with --init.")
    found = {flag: _read(flag, path) for flag, path in named.items()}
    if "mask" in found and not values.get("mask.invert") and found["mask"].image.convert("RGB").convert("L").getextrema()[1] == 0:
        raise InvalidRequest(
            "The mask is black all over, so nothing would be drawn anew.", "What is white in it is drawn anew; --mask-invert turns it about.", "mask.image"
        )
    return found


def begun(values: Mapping[str, Any], starts: Mapping[str, Start], blobs: Blobs) -> dict[str, Any]:
    """The values with references to the pictures, which are kept; and with the start picture's size where none was asked for. Raises OutputTrouble, and BadPicture for a picture of a
    control unit."""
    kept: dict[str, Any] = {PLACES[flag]: blobs.put(start.data) for flag, start in starts.items()}
    if "control" in values:
        kept["control"] = [_guided(unit, blobs) for unit in values["control"]]
    sizes: dict[str, Any] = {}
    if "init" in starts and not values.keys() & {"width", "height"}:
        sizes = {name: max(length // LATENT * LATENT, SMALLEST) for name, length in zip(("width", "height"), starts["init"].image.size, strict=True)}
    return {**values, **sizes, **kept}


def _guided(unit: Mapping[str, Any], blobs: Blobs) -> dict[str, Any]:
    """A unit of `--control` with references in the place of paths."""
    given = {name: unit[name] for name in ("image", "mask") if isinstance(unit.get(name), str) and unit[name] and not REFERENCE.fullmatch(unit[name])}
    return {**unit, **{name: blobs.put(_read("control", path).data) for name, path in given.items()}}


def _read(flag: str, path: str) -> Start:
    try:
        data = files.load(Path(path).expanduser())
        return Start(data, opened(data))
    except BadPicture as error:
        raise BadPicture(f"--{flag} {path}: {error.what}", error.remedy, PLACES.get(flag, flag)) from None
