"""Puts a picture's texts into its file, and finds texts in the files of others. Knows where each format keeps them, not what they mean.

Written: PNG: tEXt `parameters` (iTXt when it is not latin-1) and iTXt `easel`; JPEG, WebP, AVIF: EXIF UserComment, and the document as EXIF MakerNote
behind `Easel\\0`.
Read: PNG text and EXIF, EXIF and XMP of JPEG, WebP and AVIF, the comment of a GIF, and a text hidden in the pixels when there is no other.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.core.errors import BadPicture, OutputTrouble
from modules.infotext import containers, exif, limits, png, stealth
from modules.infotext.names import SURROGATE

Format = Literal["png", "jpg", "webp", "avif"]
DOCUMENT = "easel"
"""Name of the PNG chunk that holds Easel's own JSON."""
XMP = "XML:com.adobe.xmp"
_MARK = b"Easel\0"
_LARGEST = {"jpg": 65535, "webp": 16383, "avif": 65535}
_NO_RECIPE = re.compile(
    r"(date|filename|png|exif|icc|jpeg|tiff|photoshop|xmp|xap)[:_]|software$|author$|copyright$|creation.?time$|title$|source$|make$|model$", re.IGNORECASE
)
"""Names of texts that do not say how a picture was made, so that a hidden text is looked for beside them."""
_OTHERS = ("AVIF", "GIF", "BMP", "TIFF")


@dataclass(frozen=True)
class Found:
    """parameters: A1111's text, or what stands in its place. document: Easel's JSON, None without. chunks: every text by its name.
    size: (width, height) in pixels, (0, 0) when a truncated file does not say. stealth: the text came out of the pixels."""

    parameters: str = ""
    document: dict[str, Any] | None = None
    chunks: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    format: str = ""
    stealth: bool = False


def encode(
    image: Image.Image,
    parameters: str,
    document: Mapping[str, Any] | None = None,
    format: Format = "png",
    quality: int = 80,
    lossless: bool = False,
    more: Mapping[str, str] = {},
) -> bytes:
    """A finished file. more: further texts by name, which only PNG has room for. quality: 1 to 100, not for PNG. lossless: of WebP. Raises OutputTrouble for a picture that the format cannot hold."""
    largest = _LARGEST.get(format)
    if largest and max(image.size) > largest:
        raise OutputTrouble(f"A {format} file holds at most {largest} pixels a side; the picture has {image.width}x{image.height}.", "Save it as png.")
    parameters = SURROGATE.sub("\ufffd", parameters)
    own = _json(document)
    out = io.BytesIO()
    if format == "png":
        texts = PngInfo()
        if parameters:
            (texts.add_text if _latin(parameters) else texts.add_itxt)("parameters", parameters)
        for name, text in more.items():
            (texts.add_text if _latin(text) else texts.add_itxt)(name, text)
        if own:
            texts.add_itxt(DOCUMENT, own)
        image.save(out, "PNG", pnginfo=texts)
        return out.getvalue()
    tags = {exif.USER_COMMENT: exif.comment(parameters)} if parameters else {}
    if own:
        tags[exif.MAKER_NOTE] = _MARK + own.encode()
    block = exif.build(tags) if tags else b""
    if format == "jpg":
        _flat(image, ("RGB", "L")).save(out, "JPEG", quality=quality)
        return containers.with_exif(out.getvalue(), block) if block else out.getvalue()
    if format not in ("webp", "avif"):
        raise OutputTrouble(f"Easel cannot write {str(format)[:20]!r} files.", "Choose png, jpg, webp or avif.")
    exact = {"lossless": True} if lossless and format == "webp" else {}
    _flat(image, ("RGB", "RGBA")).save(out, format.upper(), quality=quality, **exact, **({"exif": block} if block else {}))
    return out.getvalue()


def converted(data: bytes, format: Format, quality: int = 80, lossless: bool = False, texts: bool = True) -> bytes:
    """A file of ours in another format, its texts with it unless told otherwise. A file that lost pixels on the way says how it was encoded, so that it can
    still be compared: `"file": {"format": ..., "quality": ...}` in its document. Raises OutputTrouble."""
    found = read(data)
    if texts and found.format == format:
        return data
    found = found if texts else Found()
    document = found.document
    if document is not None and is_lossy(format, lossless):
        document = {**document, "file": {"format": format, "quality": quality}}
    with Image.open(io.BytesIO(data)) as image:
        return encode(image, found.parameters, document, format, quality, lossless)


def is_lossy(format: str, lossless: bool = False) -> bool:
    return format in ("jpg", "avif") or format == "webp" and not lossless


def _latin(text: str) -> bool:
    """Whether tEXt brings a text back: readers take it for UTF-8 where its bytes happen to be that."""
    try:
        return png.latin(text.encode("latin-1")) == text
    except UnicodeEncodeError:
        return False


def _flat(image: Image.Image, modes: tuple[str, ...]) -> Image.Image:
    """8-bit colours in a mode that the format holds; alpha is dropped where it has none, as A1111 does."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode in modes else image.convert("RGBA" if "RGBA" in modes and image.has_transparency_data else "RGB")


def _json(document: Mapping[str, Any] | None) -> str:
    """Readable in any language; half characters, which no encoding of text holds, stay JSON escapes."""
    if document is None:
        return ""
    return SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(document, ensure_ascii=False))


def read(data: bytes | Path) -> Found:
    """Everything textual in a picture file. Raises BadPicture for a file that is no picture, is too large or cannot be opened."""
    if isinstance(data, Path):
        data = load(data)
    if len(data) > limits.FILE:
        raise BadPicture(f"The file has {len(data) / 2**20:.0f} MB, more than the {limits.FILE // 2**20} MB that are read.", "Use a smaller file.")
    if data.startswith(png.SIGNATURE):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _exif_found(containers.jpeg(data), "jpg", data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _exif_found(containers.webp(data), "webp", data)
    return _other(data)


def load(path: Path) -> bytes:
    """A file's bytes, as far as they are read. Raises BadPicture."""
    try:
        if not path.is_file():
            raise BadPicture(f"{path.name} is no file.", "Name a picture file.")
        with path.open("rb") as stream:
            return stream.read(limits.FILE + 1)
    except OSError as problem:
        raise BadPicture(f"{path.name} cannot be read: {problem.strerror or problem}.", "Check that it is there and may be read.") from None


def _png(data: bytes) -> Found:
    found = png.read(data)
    if min(found.size) <= 0:
        raise _no_picture()
    return _complete(dict(found.texts), exif.read(found.exif), found.size, "png", b"" if found.endless else data)


def _exif_found(found: containers.Container, format: str, data: bytes) -> Found:
    tags = exif.read(found.exif)
    if min(found.size) <= 0 and not tags and not found.xmp:
        raise _no_picture()
    chunks = {XMP: exif.plain(found.xmp)} if found.xmp else {}
    return _complete(chunks, tags, found.size, format, data if found.lossless else b"")


def _other(data: bytes) -> Found:
    """Formats that Pillow opens; only their headers are read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_OTHERS) as image:
                info, size, kind = dict(image.info), image.size, (image.format or "").casefold()
    except Image.DecompressionBombError:
        raise BadPicture("The picture has more pixels than can be opened safely.", "Use a smaller one.") from None
    except Exception:  # Pillow's plugins raise whatever a damaged header makes them run into
        raise _no_picture() from None
    if kind in ("bmp", "tiff"):
        return _complete({}, exif.read(data) if kind == "tiff" else {}, size, kind, b"")
    chunks = {}
    for name, key in (("comment", "comment"), ("xmp", XMP)):
        value = info.get(name)
        if isinstance(value, bytes | str) and 0 < len(value) <= limits.TEXT:
            chunks[key] = value if isinstance(value, str) else exif.plain(value)
    block = info.get("exif")
    return _complete(chunks, exif.read(block) if isinstance(block, bytes) else {}, size, kind, b"")


def _complete(chunks: dict[str, str], tags: Mapping[int, bytes], size: tuple[int, int], format: str, data: bytes) -> Found:
    """data: the file when a text may hide in its pixels. EXIF wins over the PNG chunk, as in A1111."""
    own = chunks.pop(DOCUMENT, "")
    ours = tags.get(exif.MAKER_NOTE, b"").startswith(_MARK)
    for tag, body in tags.items():
        if ours and tag == exif.MAKER_NOTE:
            own = own or exif.plain(body[len(_MARK) :])
        elif body:
            chunks.setdefault(exif.NAMES[tag], exif.uncomment(body, "big" if ours else "") if tag == exif.USER_COMMENT else exif.plain(body))
    hidden = stealth.read(data, size) if data and not own and all(_NO_RECIPE.match(name) for name in chunks) else ""
    if hidden:
        chunks |= _named(hidden)
    places = ("UserComment", "parameters", *(("comment",) if format == "gif" else ()))
    parameters = next((chunks[name] for name in places if chunks.get(name, "").strip()), "")
    return Found(parameters, _document(own), chunks, size, format, bool(hidden))


def _named(text: str) -> dict[str, str]:
    """NovelAI hides a JSON object of the chunks it would write openly; the A1111 extension hides the text itself."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict) and {"Comment", "Description"} & set(values):
        return {str(key): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in list(values.items())[: limits.NAMED]}
    return {"parameters": text}


def _document(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_picture() -> BadPicture:
    return BadPicture("The file is no picture that Easel knows, or it is damaged at its start.", "Use PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF.")
