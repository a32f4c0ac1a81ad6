"""A torch pickle (.pth, .pt, .ckpt) as a safetensors file, made once by a child process that runs nothing of it, and kept by the pickle's hash.

Knows no architecture. `networks.convert` is the child; this is who starts it, with limits, and who looks at what came out before it is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from modules.catalog import header
from modules.catalog.cards import PICKLES
from modules.core.errors import BadModelFile, EaselError
from modules.core.files import workplace
from modules.core.paths import PROJECT
from modules.networks.guard import FORBIDDEN, NO_TENSORS, REFUSED, SECONDS

MEMORY = 16 * 2**30
"""Bytes of address space: torch alone maps several GiB."""
LARGEST = 4 * 2**30
"""Bytes of a pickle; upscalers have up to 350 MB."""
LARGEST_CHECKPOINT = 20 * 2**30
"""Stable Diffusion's have 2 to 8 GB, one in fp32 with averaged weights more."""
KEPT = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP", "OMP_NUM_THREADS")
"""What of the environment the child sees: nothing of logins or tokens."""
REMEDY = "Take the model as .safetensors, or another one."


def readable(path: Path, sha256: str, cache: Path, largest: int = LARGEST) -> Path:
    """A file or folder that may be read as it is, or the safetensors file of a pickle. Raises what `converted` raises."""
    return path if path.is_dir() or path.suffix.lower() not in PICKLES else converted(path, sha256, cache, largest)


def converted(path: Path, sha256: str, cache: Path, largest: int = LARGEST) -> Path:
    """The safetensors file of a pickle whose hash is known, from the cache or made now. largest: bytes that such a file may have.
    Raises BadModelFile, OutputTrouble."""
    target = cache / f"{sha256}.safetensors"
    if not is_whole(target):
        size = path.stat().st_size
        if size > largest:
            raise BadModelFile(f"{path.name} has {size / 2**30:.0f} GiB; pickles of its kind are read up to {largest / 2**30:.0f} GiB.", REMEDY)
        with workplace(cache) as place:
            made = place / "out.safetensors"
            _made(path, made, size)
            _flush(made)
            os.replace(made, target)
    return target


def is_whole(path: Path) -> bool:
    try:
        header.read(path)
    except EaselError:
        return False
    return True


def _made(path: Path, target: Path, size: int) -> None:
    command = [sys.executable, "-m", "modules.networks.convert", str(path.resolve()), str(target.resolve()), str(MEMORY + 4 * size), str(2 * size + 2**24)]
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BadModelFile(f"{path.name} could not be converted: it took longer than {SECONDS} seconds.", REMEDY) from None
    except OSError as error:
        raise BadModelFile(f"{path.name} could not be converted: {error.strerror or error}.", REMEDY) from None
    reasons = {
        REFUSED: "it holds more than weights, which is not read, or it is damaged",
        NO_TENSORS: "there are no weights in it",
        FORBIDDEN: "reading it tried to reach the network, another program or another file, and was stopped",
    }
    if done.returncode:
        raise BadModelFile(f"{path.name} could not be converted: {reasons.get(done.returncode, 'reading it took too much memory, or failed')}.", REMEDY)
    if not is_whole(target):
        raise BadModelFile(f"{path.name} could not be converted: what came out is damaged.", REMEDY)


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
