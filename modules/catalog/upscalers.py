"""What a file in the upscaler and face folders is: its architecture and how many times it enlarges, from names and shapes alone. No torch.

Only the common architectures are named here; a file of another one is listed all the same, and the loader (spandrel, some forty architectures) has the
last word. Sources: the reference implementations' own names, as spandrel 0.4.2 recognises them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from modules.catalog import header, pickled
from modules.catalog.card import Card
from modules.catalog.header import Header
from modules.catalog.precision import precision
from modules.catalog.recognise import recognise
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


WORDS = {"Real-ESRGAN": "realesrgan", "Real-ESRGAN Compact": "realesrgan-compact"}
"""Architectures whose word in the catalog is not their name in small letters."""


class Network(NamedTuple):
    """architecture: "" when it is none of the common ones. scale: 0 where the names do not say. face: it restores faces and enlarges nothing."""

    architecture: str = ""
    scale: int = 0
    face: bool = False


class Sign(NamedTuple):
    """An architecture, told by tensors that a file of it has, all of one of these rows."""

    architecture: str
    rows: tuple[tuple[str, ...], ...]
    scale: Callable[[Header], int] = lambda found: 0
    face: bool = False


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
        architecture=WORDS.get(network.architecture, network.architecture.lower().replace(" ", "-")),
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


def recognised(found: Header) -> Network:
    for sign in SIGNS:
        if any(all(name in found.tensors for name in row) for row in sign.rows):
            return Network(sign.architecture, sign.scale(found), sign.face)
    return Network()


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


def _old_esrgan(found: Header) -> int:
    length = 1 + _last(found.tensors, r"model\.(\d+)\.weight")
    return _unshuffled(2 ** max((length - 5) // 3, 0), found.shape("model.0.weight"), found.shape(f"model.{length - 1}.weight"))


def _new_esrgan(found: Header) -> int:
    return _unshuffled(2 ** max(_last(found.tensors, r"(?:upconv|conv_up)(\d)\.weight"), 0), found.shape("conv_first.weight"), found.shape("conv_last.weight"))


def _unshuffled(scale: int, first: tuple[int, ...], last: tuple[int, ...]) -> int:
    """Real-ESRGAN's networks for small factors fold 2 x 2 or 4 x 4 pixels into channels before they begin."""
    if len(first) != 4 or len(last) != 4 or not last[0]:
        return 0
    return scale // math.isqrt(first[1] // last[0]) if first[1] in (4 * last[0], 16 * last[0]) else scale


def _compact(found: Header) -> int:
    last = _last(found.tensors, r"body\.(\d+)\.weight")
    shape = found.shape(f"body.{last}.weight")
    return math.isqrt(shape[0] // 3) if len(shape) == 4 else 0


def _shuffled(found: Header) -> int:
    """The upsamplers of SwinIR and its successors: stages of pixel shuffle, one of them directly, or nearest neighbours and convolutions."""
    if "conv_up1.weight" in found.tensors:
        return 4 if "conv_up2.weight" in found.tensors else 2
    stages = [found.shape(name) for name in found.tensors if re.fullmatch(r"upsample\.\d+\.weight", name)]
    if not stages or any(len(shape) != 4 or not shape[1] for shape in stages):
        return 1 if not stages else 0
    if "conv_before_upsample.0.weight" not in found.tensors:
        return math.isqrt(stages[0][0] // 3)
    return math.prod(math.isqrt(shape[0] // shape[1]) for shape in stages)


def _last(names: Iterable[str], pattern: str) -> int:
    return max((int(match[1]) for name in names if (match := re.fullmatch(pattern, name))), default=-1)


SIGNS = (
    Sign("GFPGAN", (("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),), face=True),
    Sign("CodeFormer", (("quantize.embedding.weight", "position_emb"),), face=True),
    Sign("RestoreFormer", (("encoder.conv_in.weight", "quantize.embedding.weight", "decoder.conv_out.weight"),), face=True),
    Sign("RetinaFace", (("ClassHead.0.conv1x1.weight", "LandmarkHead.0.conv1x1.weight"),), face=True),
    Sign("ParseNet", (("out_mask_conv.conv2d.weight", "encoder.0.conv2d.weight"),), face=True),
    Sign("ESRGAN", (("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"), ("model.0.weight", "model.1.sub.0.RDB1.conv1x1.weight")), _old_esrgan),
    Sign("ESRGAN", (("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight", "conv_last.weight"),), _new_esrgan),
    Sign("Real-ESRGAN", (("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_last.weight"),), _new_esrgan),
    Sign("Real-ESRGAN Compact", (("body.0.weight", "body.1.weight", "body.2.weight"),), _compact),
    Sign("DAT", (("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.norm1.weight", "layers.0.blocks.0.ffn.fc1.weight"),), _shuffled),
    Sign("HAT", (("conv_first.weight", "layers.0.residual_group.overlap_attn.qkv.weight"),), _shuffled),
    Sign("Swin2SR", (("layers.0.residual_group.blocks.0.attn.logit_scale", "layers.0.residual_group.blocks.0.norm1.weight"),), _shuffled),
    Sign("SwinIR", (("layers.0.residual_group.blocks.0.norm1.weight", "conv_first.weight"),), _shuffled),
)
"""The more particular first."""
