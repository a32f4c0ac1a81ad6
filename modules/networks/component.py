"""One network kept alone: a folder as diffusers and transformers save it (config.json beside the weights), or a single safetensors file."""

from __future__ import annotations

from pathlib import Path

from modules.catalog import folder


def weight_files(path: Path) -> tuple[Path, ...]:
    """Raises BadModelFile for a folder without usable weights."""
    return folder.weight_files(path.parent, path.name) if path.is_dir() else (path,)
