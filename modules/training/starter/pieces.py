"""A checkpoint in pieces of at most 16 MiB, for places that carry small files only; and put together again. Checked by hashes, both ways."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from modules.core.errors import BadModelFile
from modules.core.files import make_folder, replace
from modules.training import state

FOLDER = "pieces"
LIST = "pieces.json"
SIZE = 2**24


def split(checkpoints: Path, target: Path, size: int = SIZE) -> list[Path]:
    """The newest checkpoint of a folder, in place of older pieces. -> the pieces. Raises OutputTrouble."""
    steps = state.listed(checkpoints)
    if not steps:
        return []
    source = checkpoints / state.name_of(steps[-1])
    make_folder(target)
    written, hashes = [], []
    with open(source, "rb") as file:
        while data := file.read(size):
            path = target / f"{steps[-1]:08d}-{len(written):03d}.piece"
            replace(path, data)
            written.append(path)
            hashes.append(hashlib.sha256(data).hexdigest())
    replace(target / LIST, json.dumps({"file": source.name, "pieces": [path.name for path in written], "sha256": hashes}).encode())
    for path in set(target.glob("*.piece")) - set(written):
        with contextlib.suppress(OSError):
            path.unlink()
    return written


def join(source: Path, checkpoints: Path) -> Path | None:
    """The checkpoint that pieces are of, where it is not there yet; None where there are no pieces. Raises BadModelFile for damaged ones, OutputTrouble."""
    if not (source / LIST).is_file():
        return None
    try:
        told = json.loads((source / LIST).read_bytes())
        found = state.NAME.fullmatch(told["file"])
        if not found or any(Path(name).name != name for name in told["pieces"]):
            raise ValueError(told)
        target = checkpoints / told["file"]
        if any(step >= int(found[1]) for step in state.listed(checkpoints)):
            return target
        parts = [(source / name).read_bytes() for name in told["pieces"]]
        if [hashlib.sha256(part).hexdigest() for part in parts] != told["sha256"]:
            raise ValueError(told["file"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModelFile(f"The pieces in {source} make no checkpoint ({type(error).__name__}).", "Bring all of them again, or take them away.") from None
    make_folder(checkpoints)
    replace(target, b"".join(parts))
    return target
