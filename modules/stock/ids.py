"""The name by which a model file is asked for from outside: made from its path, so that no path ever comes from there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def id_of(path: Path) -> str:
    """The same for the same path, also after a restart."""
    return hashlib.blake2s(os.fsencode(path), digest_size=8).hexdigest()
