"""Pictures that requests refer to, kept by their content: `sha256:<hex>`. A request stays small text, and the same input is kept once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import InvalidRequest, NotFound
from modules.core.files import replace

REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Blobs:
    """folder: where they lie, two levels deep, named by their hash."""

    folder: Path

    def put(self, data: bytes) -> str:
        """Keeps the bytes durably. -> their reference. Raises OutputTrouble."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            with contextlib.suppress(OSError):
                os.utime(path)  # brought again: as young as a new one to whoever tidies up
        else:
            replace(path, data)
        return f"sha256:{digest}"

    def get(self, reference: str, field: str = "") -> bytes:
        """Raises InvalidRequest for what is no reference, NotFound when the bytes are not here (any more, or not on this machine)."""
        found = REFERENCE.fullmatch(reference)
        if not found:
            raise InvalidRequest(f"{reference[:80]!r} is no reference to a picture.", "Give sha256: and 64 hexadecimal digits.", field)
        try:
            data = self._path(found[1]).read_bytes()
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != found[1]:
            raise NotFound(f"The input picture {reference[:17]}... is not on this machine.", "Give the picture again.", field)
        return data

    def has(self, reference: str) -> bool:
        """Whether the bytes seem to be here; `get` looks at them."""
        found = REFERENCE.fullmatch(reference)
        return found is not None and self._path(found[1]).is_file()

    def holds(self, data: bytes) -> bool:
        return self._path(hashlib.sha256(data).hexdigest()).exists()

    def listed(self) -> Iterator[tuple[str, int, float]]:
        """(reference, bytes, when it was brought last in seconds since 1970) of each; what is no input of ours is passed over."""
        for path in self.folder.glob("??/*"):
            if len(path.name) == 64 and path.name.startswith(path.parent.name) and REFERENCE.fullmatch(f"sha256:{path.name}"):
                with contextlib.suppress(OSError):
                    found = path.stat()
                    yield f"sha256:{path.name}", found.st_size, found.st_mtime

    def drop(self, reference: str) -> None:
        """Forgets the bytes; nothing where they are not here, or cannot be deleted."""
        if found := REFERENCE.fullmatch(reference):
            with contextlib.suppress(OSError):
                self._path(found[1]).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest
