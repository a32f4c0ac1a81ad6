"""A clean copy: the same pixels, nothing that says how or by whom they were made."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from modules.core.errors import BadPicture, EaselError, Unsupported
from modules.infotext import files, limits, stealth
from modules.infotext.cleaning import clean
from tests.infotext.test_stealth import TEXT, hidden

Make = Callable[..., Image.Image]
SECRET = "a secret prompt"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def marked(image: Image.Image, format: str, turned: int = 1) -> bytes:
    """With everything that a file can say."""
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = SECRET, turned
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + SECRET.encode()
    out = io.BytesIO()
    more: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": PROFILE}
    if format == "PNG":
        texts = PngInfo()
        texts.add_text("parameters", SECRET)
        texts.add_itxt("easel", SECRET, zip=True)
        more["pnginfo"] = texts
    elif format == "JPEG":
        more |= {"comment": SECRET, "quality": 90, "progressive": True, "xmp": b"<x:xmpmeta>" + SECRET.encode()}
    else:
        more["xmp"] = b"<x:xmpmeta>" + SECRET.encode()
    image.save(out, format, **more)
    return out.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("turned", [1, 6])
def test_nothing_is_left_but_the_picture(image: Make, format: str, turned: int) -> None:
    data = marked(image(), format, turned)
    cleaned = clean(data)
    assert SECRET.encode() in data
    for form in (SECRET.encode(), zlib.compress(SECRET.encode()), SECRET.encode("utf-16-be"), b"easel"):
        assert form not in cleaned
    assert np.array_equal(pixels(cleaned), pixels(data))
    with Image.open(io.BytesIO(cleaned)) as after, Image.open(io.BytesIO(data)) as before:
        assert after.info.get("icc_profile") == PROFILE
        assert set(after.getexif()) <= ({0x0112} if turned > 1 else set())
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(after)), np.asarray(ImageOps.exif_transpose(before)))
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize("format", ["png", "jpg", "webp", "avif"])
def test_of_our_own_files(image: Make, format: Any) -> None:
    data = files.encode(image(), f"{SECRET}\nSteps: 1", {"easel": "1", "request": {"prompt": SECRET}}, format)
    found = files.read(clean(data))
    assert not found.parameters and found.document is None and not any(text.strip("\0 ") for text in found.chunks.values())
    assert np.array_equal(pixels(clean(data)), pixels(data))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_every_kind_of_png_stays_what_it_is(image: Make, mode: str) -> None:
    out = io.BytesIO()
    picture = Image.new("I;16", (9, 9), 4000) if mode == "I;16" else image(9, 9, mode)
    picture.save(out, "PNG", **({"transparency": 3} if mode == "P" else {}))
    with Image.open(io.BytesIO(clean(out.getvalue()))) as after:
        assert after.mode == Image.open(io.BytesIO(out.getvalue())).mode and after.info.get("transparency") == (3 if mode == "P" else None)
        assert np.array_equal(np.asarray(after), pixels(out.getvalue()))


@pytest.mark.parametrize("mark", sorted(stealth.MARKS))
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.parametrize("length", [None, 2**31])
def test_what_hides_in_the_pixels_is_wiped(mark: bytes, format: str, length: int | None) -> None:
    data = hidden(TEXT.encode(), mark, format=format, length=length)
    cleaned = clean(data)
    assert not files.read(cleaned).stealth
    before, after = pixels(data).astype(int), pixels(cleaned).astype(int)
    layers = stealth.MARKS[mark][0]
    assert np.abs(before - after).max() == 1
    touched, untouched = (slice(3, 4), slice(0, 3)) if layers else (slice(0, 3), slice(3, 4))
    assert len(np.unique(after[:, :, touched] & 1)) == 1 and np.array_equal(before[:, :, untouched], after[:, :, untouched])


def test_what_stands_behind_the_picture_goes_too(image: Make) -> None:
    for format in ("PNG", "JPEG"):
        data = marked(image(), format)
        assert clean(data + b"trailer " + SECRET.encode()) == clean(data)
    webp = marked(image(), "WEBP")
    extra = b"C2PA" + struct.pack("<I", 6) + b"secret"
    longer = webp[:4] + struct.pack("<I", len(webp) - 8 + len(extra)) + webp[8:] + extra
    assert clean(longer) == clean(webp)
    avif = marked(image(), "AVIF")
    assert b"secret" not in clean(avif + struct.pack(">I", 14) + b"uuidsecret")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_damaged_file_is_refused(image: Make, format: str) -> None:
    data = marked(image(), format)
    for end in (len(data) - 2, len(data) // 2):
        with pytest.raises(BadPicture):
            clean(data[:end])


def test_what_cannot_be_cleaned_is_said(image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    image().save(out, "GIF")
    with pytest.raises(Unsupported, match="GIF"):
        clean(out.getvalue())
    with pytest.raises(BadPicture):
        clean(b"no picture")
    monkeypatch.setattr(limits, "PIXELS", 100)
    with pytest.raises(BadPicture, match="hidden text"):
        clean(marked(image(), "PNG"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_whatever_a_file_holds_only_our_errors_come(image: Make, format: str) -> None:
    data, draw = marked(image(), format), np.random.default_rng(1)
    for _ in range(150):
        broken = bytearray(data)
        for place in draw.integers(0, len(data), 3):
            broken[place] = draw.integers(0, 256)
        try:
            clean(bytes(broken[: draw.integers(1, len(data) + 1)]))
        except EaselError:
            continue
