"""The other hashes by which tools and pictures name model files, beside the plain sha256 (`catalog.hashes`). Knows no model.

AutoV1, AUTOMATIC1111's first: eight digits of the sha256 of 64 KiB from the first MiB on. AutoV2: the first ten digits of the sha256. AutoV3 (twelve digits)
and the hash that kohya's scripts write into a LoRA as `sshs_model_hash`: the sha256 of what follows the header. blake3: InvokeAI's, of the whole file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import blake3

from modules.catalog import header
from modules.core.errors import BadModelFile

OldHash = Literal["autov1", "blake3"]
START, LENGTH = 0x100000, 0x10000


def autov1(path: Path) -> str:
    """Eight digits; "" for a file that is too short to have it or cannot be read. They say little: many files share their first MiB's end."""
    try:
        with open(path, "rb") as file:
            file.seek(START)
            part = file.read(LENGTH)
    except OSError:
        return ""
    return hashlib.sha256(part).hexdigest()[:8] if part else ""


def autov3(path: Path) -> str:
    """All 64 digits. Raises BadModelFile for what is no safetensors file, or cannot be read."""
    data = min((first for first, _ in header.read(path).offsets.values()), default=os.path.getsize(path))
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            file.seek(data)
            while piece := file.read(2**20):
                digest.update(piece)
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.") from None
    return digest.hexdigest()


def blake3_of(path: Path) -> str:
    """All 64 digits. Raises BadModelFile."""
    digest = blake3.blake3()
    try:
        with open(path, "rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.") from None
    return digest.hexdigest()


COMPUTED: Mapping[OldHash, Callable[[Path], str]] = {"autov1": autov1, "blake3": blake3_of}
"""Those that `HashCache` remembers under these names; AutoV3 it knows by itself."""
