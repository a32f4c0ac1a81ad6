"""Opens picture files that come from outside: only the formats people keep pictures in, and nothing larger than can be held. Knows no metadata."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from modules.core.errors import BadPicture

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
LARGEST = 16384
"""Pixels of a side."""
MOST = 100_000_000
"""Pixels in all."""


def opened(data: bytes) -> Image.Image:
    """The decoded picture, turned upright as its EXIF says. The size is checked before anything is decoded. Raises BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if max(image.size) > LARGEST or image.width * image.height > MOST:
                raise BadPicture(
                    f"The picture has {image.width} x {image.height} pixels.", f"At most {LARGEST} a side and {MOST // 10**6} million in all are read."
                )
            image.load()
    except BadPicture:
        raise
    except Image.DecompressionBombError:
        raise BadPicture("The picture has more pixels than can be opened safely.", f"At most {MOST // 10**6} million are read.") from None
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise BadPicture(f"This is no picture that can be read ({type(error).__name__}).", "Give a PNG, JPEG, WebP or AVIF.") from None
    return ImageOps.exif_transpose(image)
