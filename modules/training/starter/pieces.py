"""A file of weights in pieces of at most 16 MiB, for places that carry small files only; and put together again. Checked by hashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from modules.core.errors import BadModelFile
from modules.core.files import make_folder, replace

LIST = "pieces.json"
SIZE = 2**24


def split(source: Path, target: Path, size: int = SIZE) -> list[Path]:
    """target: a folder for the pieces, in place of older ones there. Raises OutputTrouble."""
    make_folder(target)
    written: list[Path] = []
    hashes: list[str] = []
    with open(source, "rb") as file:
        while data := file.read(size):
            path = target / f"{source.stem}-{len(written):03d}.piece"
            replace(path, data)
            written.append(path)
            hashes.append(hashlib.sha256(data).hexdigest())
    replace(target / LIST, json.dumps({"file": source.name, "pieces": [path.name for path in written], "sha256": hashes}).encode())
    for path in set(target.glob("*.piece")) - set(written):
        with contextlib.suppress(OSError):
            path.unlink()
    return written


def join(source: Path, folder: Path) -> Path | None:
    """The file that the pieces in `source` are of, put into `folder` where it is not there yet; None where there are no pieces. Raises BadModelFile for damaged
    ones, OutputTrouble."""
    if not (source / LIST).is_file():
        return None
    try:
        told = json.loads((source / LIST).read_bytes())
        names = [told["file"], *told["pieces"]]
        if any(Path(name).name != name for name in names) or not names[0].endswith(".safetensors"):
            raise ValueError(names)
        target = folder / names[0]
        if target.exists():
            return target
        parts = [(source / name).read_bytes() for name in names[1:]]
        if [hashlib.sha256(part).hexdigest() for part in parts] != told["sha256"]:
            raise ValueError(names[0])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadModelFile(f"The pieces in {source} make no file ({type(error).__name__}).", "Bring all of them again, or take them away.") from None
    make_folder(folder)
    replace(target, b"".join(parts))
    return target
