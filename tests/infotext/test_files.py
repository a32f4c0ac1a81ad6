"""Texts into picture files and out again: every format, foreign ways of writing the same, damage, and files made to exhaust memory."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.core.errors import BadPicture, OutputTrouble
from modules.infotext import containers, exif, files, limits, png

FORMATS: tuple[files.Format, ...] = get_args(files.Format)
LINE = "a cat\nSteps: 5, Sampler: Euler, Seed: 1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(*chunks: bytes, size: tuple[int, int] = (4, 4), end: bytes = chunk(b"IEND", b"")) -> bytes:
    return png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)) + b"".join(chunks) + end


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from(FORMATS))
@example("\u00c2\u0080", {}, "png")  # whose latin-1 is UTF-8 of another text
def test_there_and_back(image: Callable[..., Image.Image], text: str, document: dict[str, Any], format: files.Format) -> None:
    parameters = f"{text}\nSteps: 5, Sampler: Euler, Seed: 1"
    found = files.read(files.encode(image(), parameters, document, format))
    assert (found.parameters, found.document, found.size, found.format) == (parameters, document, (70, 66), format)


@pytest.mark.parametrize("format", FORMATS)
def test_long_texts_in_every_format(image: Callable[..., Image.Image], format: files.Format) -> None:
    """Two prompts of 20,000 characters outside the common plane are 160 KB in UTF-16, more than one JPEG segment holds."""
    text = "\U0001f600" * 40_000 + " Steps: 5"
    data = files.encode(image(), text, {"request": {"prompt": text}}, format)
    assert files.read(data).parameters == text
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.size == (70, 66)


@pytest.mark.parametrize("format", FORMATS)
def test_half_characters_stay_in_the_document(image: Callable[..., Image.Image], format: files.Format) -> None:
    found = files.read(files.encode(image(), "a\ud800b", {"prompt": "a\ud800b"}, format))
    assert found.document == {"prompt": "a\ud800b"}
    assert found.parameters == "a\ufffdb"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_every_mode_can_be_saved(image: Callable[..., Image.Image], format: files.Format, mode: str) -> None:
    picture = image(mode="RGB").convert(mode) if mode != "P" else image().quantize(16)
    if format == "png" and mode == "CMYK":
        return
    assert files.read(files.encode(picture, LINE, None, format)).parameters == LINE


def test_where_pillow_finds_them(image: Callable[..., Image.Image]) -> None:
    """What A1111 and its relatives look at: tEXt `parameters`, EXIF UserComment with its mark."""
    with Image.open(io.BytesIO(files.encode(image(), LINE, {"a": 1}))) as picture:
        assert picture.info["parameters"] == LINE
        assert json.loads(picture.info["easel"]) == {"a": 1}
    for format in FORMATS[1:]:
        with Image.open(io.BytesIO(files.encode(image(), LINE, {"a": 1}, format))) as picture:
            tags = picture.getexif().get_ifd(0x8769)
        assert tags[0x9286] == b"UNICODE\0" + LINE.encode("utf-16-be")
        assert tags[0x927C] == b'Easel\0{"a": 1}'


def test_text_is_latin_where_it_can_be(image: Callable[..., Image.Image]) -> None:
    assert b"tEXtparameters" in files.encode(image(), "caf\xe9")
    assert b"iTXtparameters" in files.encode(image(), "日本")
    assert files.read(files.encode(image(), "caf\xe9")).parameters == "caf\xe9"


def test_too_large_for_a_format() -> None:
    with pytest.raises(OutputTrouble, match="16383"):
        files.encode(Image.new("RGB", (16384, 1)), LINE, None, "webp")


def test_other_ways_to_write_a_comment() -> None:
    """UTF-16 of either order, with and without a mark, UTF-8 and ASCII."""
    for body in (
        b"UNICODE\0" + LINE.encode("utf-16-be"), b"UNICODE\0" + LINE.encode("utf-16-le"), b"UNICODE\0" + LINE.encode("utf-16"), b"UNICODE\0" + LINE.encode(),
        b"ASCII\0\0\0" + LINE.encode(), LINE.encode(), b"\0" * 8 + LINE.encode(), b"UNICODE\0" + LINE.encode("utf-16-be") + b"\0\0",
    ):  # fmt: skip
        assert exif.uncomment(body) == LINE


def test_exif_of_either_order_and_in_png(image: Callable[..., Image.Image]) -> None:
    block = Image.Exif()
    block.endian = "<"
    block[0x0131], block[0x010F] = "Tool", "workflow:{}"
    block.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + LINE.encode("utf-16-le")
    for format in ("png", "jpeg", "webp"):
        out = io.BytesIO()
        image().save(out, format, exif=block)
        found = files.read(out.getvalue())
        assert found.parameters == LINE
        assert (found.chunks["Software"], found.chunks["Make"]) == ("Tool", "workflow:{}")


def test_exif_wins_over_the_chunk(image: Callable[..., Image.Image]) -> None:
    block = Image.Exif()
    block[0x0131] = "Tool"
    block.get_ifd(0x8769)[0x9286] = exif.comment("from exif")
    texts = PngInfo()
    texts.add_text("parameters", "from chunk")
    out = io.BytesIO()
    image().save(out, "png", pnginfo=texts, exif=block)
    assert files.read(out.getvalue()).parameters == "from exif"


def test_gif_comment_and_xmp(image: Callable[..., Image.Image]) -> None:
    out = io.BytesIO()
    image().quantize(16).save(out, "gif", comment=LINE)
    assert files.read(out.getvalue()).parameters == LINE
    for format in ("jpeg", "webp", "avif"):
        out = io.BytesIO()
        image().save(out, format, xmp=b"<x:xmpmeta/>")
        assert files.read(out.getvalue()).chunks[files.XMP].strip("\0") == "<x:xmpmeta/>"


@pytest.mark.parametrize("format", ["bmp", "tiff"])
def test_pictures_without_text(image: Callable[..., Image.Image], format: str) -> None:
    out = io.BytesIO()
    image().save(out, format)
    found = files.read(out.getvalue())
    assert (found.parameters, found.document, found.size) == ("", None, (70, 66))


def test_text_behind_the_picture_and_compressed_text(image: Callable[..., Image.Image]) -> None:
    whole = files.encode(image(), "")
    text = chunk(b"tEXt", b"parameters\0" + LINE.encode())
    packed = chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"caf\xe9"))
    international = chunk(b"iTXt", b"workflow\0\1\0en\0title\0" + zlib.compress("日本".encode()))
    found = files.read(whole[:-12] + text + packed + international + whole[-12:])
    assert found.parameters == LINE
    assert (found.chunks["prompt"], found.chunks["workflow"]) == ("caf\xe9", "日本")


@pytest.mark.parametrize("format", FORMATS[:3])
def test_truncated_files_keep_their_text(image: Callable[..., Image.Image], format: files.Format) -> None:
    """PNG and JPEG have the text in front of the picture; in WebP it comes last, so the cut is made in what follows it."""
    whole = files.encode(image(400, 400), LINE, {"a": 1}, format)
    cut = whole if format == "webp" else whole[: whole.index(b"IDAT" if format == "png" else b"\xff\xda") + 40]
    found = files.read(cut)
    assert (found.parameters, found.document) == (LINE, {"a": 1})


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.data())
def test_damage_gives_a_reading_or_a_refusal(image: Callable[..., Image.Image], format: files.Format, draw: st.DataObject) -> None:
    data = bytearray(files.encode(image(), LINE, {"a": 1}, format))
    for _ in range(draw.draw(st.integers(1, 5))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    data = data[: draw.draw(st.integers(0, len(data)))]
    try:
        files.read(bytes(data))
    except BadPicture as refusal:
        assert refusal.remedy


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"%PDF-1.4", b"MZ" * 500, LINE.encode()]
)
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(BadPicture):
        files.read(data)


def test_paths(tmp_path: Path, image: Callable[..., Image.Image]) -> None:
    place = tmp_path / "a.png"
    place.write_bytes(files.encode(image(), LINE))
    assert files.read(place).parameters == LINE
    for bad in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(BadPicture):
            files.read(bad)


def test_files_beyond_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(limits, "FILE", 1000)
    place = tmp_path / "a.png"
    place.write_bytes(png_file() + b"\0" * 1000)
    for data in (place.read_bytes(), place):
        with pytest.raises(BadPicture, match="smaller"):
            files.read(data)


def test_texts_that_unpack_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TEXT", 10_000)
    monkeypatch.setattr(limits, "TEXTS", 25_000)
    bomb = zlib.compress(b"a" * 10_000_000)
    found = png.read(png_file(chunk(b"zTXt", b"bomb\0\0" + bomb), chunk(b"tEXt", b"after\0x"), chunk(b"iTXt", b"two\0\1\0\0\0" + bomb)))
    assert found.texts == {"after": "x"}
    many = png.read(png_file(*(chunk(b"zTXt", b"n%d\0\0" % n + zlib.compress(b"a" * 9_000)) for n in range(50))))
    assert sum(map(len, many.texts.values())) <= 25_000


def test_number_of_chunks_and_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHUNKS", 50)
    assert "late" not in png.read(png_file(*[chunk(b"junk", b"")] * 60, chunk(b"tEXt", b"late\0x"))).texts
    monkeypatch.setattr(limits, "CHUNKS", 5000)
    monkeypatch.setattr(limits, "NAMED", 10)
    assert len(png.read(png_file(*(chunk(b"tEXt", b"n%d\0x" % n) for n in range(100)))).texts) == 10


def test_the_first_of_equal_names_counts() -> None:
    found = png.read(png_file(chunk(b"tEXt", b"parameters\0first"), chunk(b"tEXt", b"parameters\0second")))
    assert found.texts == {"parameters": "first"}


def test_utf8_in_a_latin_chunk() -> None:
    assert png.read(png_file(chunk(b"tEXt", b"parameters\0" + "日本".encode()))).texts["parameters"] == "日本"


def test_a_header_that_promises_too_many_pixels_is_not_decoded() -> None:
    found = files.read(png_file(chunk(b"tEXt", b"parameters\0" + LINE.encode()), size=(60_000, 60_000)))
    assert (found.parameters, found.size) == (LINE, (60_000, 60_000))
    assert files.read(png_file(size=(60_000, 60_000))).parameters == ""


def test_a_broken_document_is_none(image: Callable[..., Image.Image]) -> None:
    for body in (b"{", b"[1]", b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"):
        assert files.read(png_file(chunk(b"iTXt", b"easel\0\0\0\0\0" + body))).document is None


def test_jpeg_markers_with_fill_bytes_and_garbage(image: Callable[..., Image.Image]) -> None:
    whole = files.encode(image(), LINE, None, "jpg")
    assert containers.jpeg(whole[:2] + b"\xff" * 5000 + whole[2:]).exif
    assert containers.jpeg(b"\xff\xd8" + b"\xff" * 3_000_000).size == (0, 0)


def test_exif_that_points_at_itself() -> None:
    """Directories in a circle, and entries that all claim the whole block."""
    entry = struct.pack(">HHII", 0x8769, 4, 1, 8)
    assert exif.read(b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + struct.pack(">I", 8)) == {}
    greedy = b"".join(struct.pack(">HHII", 0x9286, 7, 60_000, 8) for _ in range(5000))
    assert len(exif.read(b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 5000) + greedy)) == 1


@given(st.binary(max_size=200))
def test_exif_never_raises(block: bytes) -> None:
    exif.read(block)
    exif.read(b"II*\0\x08\0\0\0" + block)
    exif.uncomment(block)
    exif.uncomment(b"UNICODE\0" + block)


@given(st.dictionaries(st.sampled_from(sorted(exif.NAMES)), st.binary(max_size=300), max_size=5))
def test_exif_there_and_back(tags: dict[int, bytes]) -> None:
    assert exif.read(exif.build(tags)) == tags
