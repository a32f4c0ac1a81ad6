"""A card: what is known of a weights file once its header was read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["checkpoint", "embedding", "upscaler", "face restorer", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """path: a file, or a diffusers folder. name: file stem or folder name. family: a record's name, of an upscaler its architecture; "" when not recognised.
    sha256: full hex, "" until it was computed; of a folder: of its weight files' hashes (see `catalog.hashes`). config: the yaml beside it, if any.
    trouble: why it cannot be used, in words. defaults: request values by dotted name that suit it. example: a prompt that shows it well.
    scale: of an upscaler, how many times larger; 0 when only loading it can tell.
    preview: rows latent channel -> RGB for live previews, where the model's latents differ from its family's."""

    path: Path
    name: str
    kind: Kind = "checkpoint"
    family: str = ""
    prediction: str = ""
    size: int = 0
    scale: int = 0
    sha256: str = ""
    config: Path | None = None
    trouble: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""
    note: str = ""
    preview: tuple[tuple[float, float, float], ...] = ()

    @property
    def short_hash(self) -> str:
        return self.sha256[:10]

    @property
    def native(self) -> int:
        """Side of the pictures that suit it, in pixels, as its own card says; 0 where it says nothing and its family's holds."""
        sides = [self.defaults.get(name) for name in ("width", "height")]
        return min((side for side in sides if isinstance(side, int)), default=0)

    @property
    def title(self) -> str:
        """As A1111 shows it in its menu: `name.safetensors [abcdef1234]`."""
        return f"{self.path.name} [{self.short_hash}]" if self.sha256 else self.path.name
