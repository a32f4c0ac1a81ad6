"""A picture file as training sees it: size and bytes capped before anything is decoded, upright, RGB. No torch."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from modules.core.errors import BadPicture
from modules.imaging.opening import opened
from modules.training.buckets import View

LARGEST = 2**28
"""Bytes of a picture file."""


def image_of(path: Path) -> Image.Image:
    """The picture upright, in RGB; what is transparent in it becomes white. Raises BadPicture."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadPicture(f"{path.name} has more than {LARGEST >> 20} MB.", "Give a smaller file.")
        image = opened(path.read_bytes())
    except OSError as error:
        raise BadPicture(f"{path.name} cannot be read: {error.strerror or error}.", "Check the file, and that you may read it.") from None
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def cut(image: Image.Image, seen: View) -> Image.Image:
    """What of the picture is seen, at its training size."""
    scaled = image.resize(seen.whole, Image.Resampling.LANCZOS) if image.size != seen.whole else image
    piece = scaled.crop((seen.left, seen.top, seen.left + seen.size[0], seen.top + seen.size[1]))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if seen.mirrored else piece
