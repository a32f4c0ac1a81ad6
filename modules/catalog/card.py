"""A card: what is known of a weights file once its header was read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal[
    "checkpoint",
    "transformer",
    "unet",
    "lora",
    "locon",
    "loha",
    "lokr",
    "dora",
    "oft",
    "glora",
    "full",
    "ia3",
    "lora-lcm",
    "controlnet",
    "controlnet-union",
    "controlnet-lllite",
    "control-lora",
    "t2i-adapter",
    "ip-adapter",
    "clip-vision",
    "text-encoder",
    "vae",
    "vae-approx",
    "embedding",
    "upscaler",
    "face restorer",
    "hypernetwork",
    "annotator",
    "motion-module",
    "unknown",
]
"""What a file is."""

LORAS: tuple[Kind, ...] = ("lora", "locon", "loha", "lokr", "dora", "oft", "glora", "full", "ia3", "lora-lcm")
GROUPS: Mapping[str, tuple[Kind, ...]] = {
    "checkpoint": ("checkpoint", "transformer", "unet"),
    "lora": (*LORAS, "control-lora"),
    "vae": ("vae",),
    "vae-approx": ("vae-approx",),
    "controlnet": ("controlnet", "controlnet-union", "controlnet-lllite", "control-lora", "t2i-adapter"),
    "ip-adapter": ("ip-adapter",),
    "clip-vision": ("clip-vision",),
    "text-encoder": ("text-encoder",),
    "embedding": ("embedding",),
    "upscaler": ("upscaler",),
    "face restorer": ("face restorer",),
    "hypernetwork": ("hypernetwork",),
    "annotator": ("annotator",),
}
"""What people look for under one name -> the kinds of file that it may be."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """path: a file, or a diffusers folder. name: file stem or folder name.
    architecture: the word for what it is made for or of ("sd1-inpainting", "flux-dev", "clip-g", "esrgan"); "" when not recognised.
    family: the record that loads it ("sd1", "sdxl", ...), "pipeline" for a diffusers folder that only its own pipeline can run, of an upscaler its
    architecture as A1111 writes it; "" when there is none. variant: "inpainting", "depth", "vpred", ...; "" for the plain one.
    prediction: "eps", "v", "x0", "flow" or "edm"; guessed: nothing in the file says so, and the card beside it may.
    precision: the type of most of its weights ("fp16", "fp8", "nf4", "q4_0"). tensors: how many. metadata: texts of its maker, cut to a readable length.
    sha256: full hex, "" until it was computed; of a folder: of its weight files' hashes (see `catalog.hashes`). config: the yaml beside it, if any.
    converted: the safetensors file that was made of a pickle, once there is one. trouble: why it cannot be used, in words. defaults: request values by dotted name that suit it. example: a prompt that shows it well.
    scale: of an upscaler, how many times larger; 0 when only loading it can tell.
    preview: rows latent channel -> RGB for live previews, where the model's latents differ from its family's.
    companions: files that it draws with beside itself, by role; empty until a request is resolved (`engine.companions`)."""

    path: Path
    name: str
    kind: Kind = "checkpoint"
    architecture: str = ""
    family: str = ""
    variant: str = ""
    prediction: str = ""
    guessed: bool = False
    precision: str = ""
    tensors: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    scale: int = 0
    sha256: str = ""
    config: Path | None = None
    converted: Path | None = None
    trouble: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""
    note: str = ""
    preview: tuple[tuple[float, float, float], ...] = ()
    companions: Mapping[str, Card] = field(default_factory=dict)

    @property
    def weights(self) -> Path:
        """The file or folder that its weights are read from."""
        return self.converted or self.path

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
