"""What a model is called that lies in a file or folder of a name that says nothing: diffusers' file names, the hub's cache, weights in several files.

Sources: diffusers' and transformers' `save_pretrained`, huggingface_hub's cache layout (models--OWNER--NAME/snapshots/REVISION).
"""

from __future__ import annotations

import re
from pathlib import Path

NAMELESS = re.compile(r"(open_clip_)?(diffusion_)?(pytorch_)?(model|lora_weights)([._-](fp16|bf16|ema|non_ema))*|adapter_model", re.IGNORECASE)
COMPONENT = re.compile(r"unet|transformer(_2)?|vae|vae_\d_\d|text_encoder(_[234])?|image_encoder|prior|decoder|controlnet|motion_adapter|models|sdxl_models")
"""Folders inside a model's own."""

PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.[A-Za-z]+$|$)")
REPOSITORY = re.compile(r"models--(?:.+?--)?(.+)")


def name_of(path: Path) -> str:
    """A file's stem or a folder's name, or where that says nothing, that of the folder around it: `diffusion_pytorch_model` is no name."""
    stem = PART.sub("", path.stem if path.suffix and not path.is_dir() else path.name)
    if not path.is_dir() and not NAMELESS.fullmatch(stem):
        return stem
    here = path if path.is_dir() else path.parent
    inner: list[str] = []
    while COMPONENT.fullmatch(here.name) and len(inner) < 3 and not path.is_dir():
        inner.append(here.name)
        here = here.parent
    around = _repository(here)
    return " ".join((around, *reversed(inner))) if around else stem


def _repository(here: Path) -> str:
    if here.parent.name == "snapshots" and (found := REPOSITORY.fullmatch(here.parent.parent.name)):
        return found[1]
    return here.name


def is_later_part(name: str) -> bool:
    """Whether a file is the second or a later one of a model's several."""
    found = PART.search(name)
    return bool(found and found[1] != "00001")


def parts(path: Path) -> tuple[Path, ...]:
    """All files of a model of which this is the first; the file alone where it is the only one."""
    found = PART.search(path.stem)
    if found is None or not 1 < int(found[2]) <= 1000:
        return (path,)
    start = path.stem[: found.start()]
    return tuple(path.with_name(f"{start}-{number:05}-of-{found[2]}{path.suffix}") for number in range(1, int(found[2]) + 1))
