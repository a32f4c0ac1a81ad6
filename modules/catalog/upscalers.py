"""The cards of files in the upscaler and face folders. A file of an architecture that is not known here is listed all the same: the loader has the last word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from modules.catalog import header, pickled
from modules.catalog.card import Card
from modules.catalog.header import Header
from modules.catalog.precision import precision
from modules.catalog.recognise import recognise
from modules.catalog.signs import Network, recognised, word
from modules.catalog.titles import PLACES, article, title
from modules.core.errors import EaselError

FILES = (".safetensors", ".pth", ".pt", ".ckpt")
PREFIXES = ("module.", "netG.")
"""What trainers put before every name."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "r-esrgan 4x+": ("realesrgan_x4plus",),
    "r-esrgan 4x+ anime6b": ("realesrgan_x4plus_anime_6b",),
    "r-esrgan 2x+": ("realesrgan_x2plus",),
    "r-esrgan general 4xv3": ("realesr-general-x4v3",),
    "r-esrgan general wdn 4xv3": ("realesr-general-wdn-x4v3",),
    "r-esrgan animevideo": ("realesr-animevideov3",),
    "swinir 4x": ("swinir_4x", "003_realsr_bsrgan_dfowmfc_s64w8_swinir-l_x4_gan"),
    "dat x2": ("dat_x2",),
    "dat x3": ("dat_x3",),
    "dat x4": ("dat_x4",),
    "scunet gan": ("scunet", "scunet_color_real_gan"),
    "scunet psnr": ("scunet_color_real_psnr",),
}
"""A1111's names of files that it fetches by itself, in plain spelling -> their stems."""

PICKLED = "A pickle: it is converted to safetensors when it is first used, in a process of its own that runs nothing of it."


def upscaler(path: Path) -> Card:
    """The card of a file in an upscaler folder. Never raises."""
    return _card(path, face=False)


def face_restorer(path: Path) -> Card:
    """The card of a file in a face folder. Never raises."""
    return _card(path, face=True)


def _card(path: Path, face: bool) -> Card:
    try:
        size = path.stat().st_size
        pickle = path.suffix.lower() != ".safetensors"
        found = plain(pickled.read(path) if pickle else header.read(path))
    except EaselError as error:
        return Card(path=path, name=path.stem, kind="face restorer" if face else "upscaler", trouble=str(error))
    except OSError as error:
        return Card(path=path, name=path.stem, kind="face restorer" if face else "upscaler", trouble=f"It cannot be read: {error.strerror or error}.")
    network = recognised(found)
    return Card(
        path=path,
        name=path.stem,
        kind="face restorer" if network.face or face else "upscaler",
        architecture=word(network.architecture),
        precision=precision(found),
        tensors=len(found.tensors),
        family=network.architecture,
        scale=network.scale or said(path.stem),
        size=size,
        trouble=_trouble(found, network, face),
        note=PICKLED if pickle else "",
    )


def plain(found: Header) -> Header:
    """Without what trainers put before every name."""
    tensors = dict(found.tensors)
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): entry for name, entry in tensors.items()}
    return Header(tensors, found.metadata)


def said(stem: str) -> int:
    """The factor that people write into names: 4x-UltraSharp, DAT_x2. 0 when there is none."""
    named = re.search(r"(?<![0-9a-z])(?:(?P<before>[1-9]|16)x|x(?P<after>[1-9]|16))(?![0-9])", stem.casefold())
    return int(named["before"] or named["after"]) if named else 0


def _trouble(found: Header, network: Network, face: bool) -> str:
    if network.architecture:
        if network.face == face:
            return ""
        return "This restores faces. Its place is models/GFPGAN or models/Codeformer." if network.face else "This is an upscaler. Its place is models/ESRGAN."
    other = recognise(found)
    if other.kind not in ("unknown", "upscaler", "face restorer"):
        place = PLACES.get(other.kind, "")
        return f"This is {article(title(other.architecture, other.kind))}, not an upscaler.{f' Its place is models/{place}.' if place else ''}"
    return "This is no network that restores or finds faces." if face else ""
