"""What is known of each model family without loading it: how its files look, what it supports, what suits it. No torch.

Defaults are the family's own advice; a card beside a model overrides them. Sources: the families' papers and model cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class FamilyRecord:
    """native: side of the pictures it was trained on, in pixels. multiple: sizes are floored to a multiple of it.
    space: its latent space, by the name of the family that had it first; its own name when empty.
    variants: of its architecture that can be drawn with, by the catalog's words ("inpainting"; "" is the plain one).
    whole: a single file must hold text encoders and VAE too.
    defaults: request values that suit it, by dotted name. memory: rough GB of GPU memory by side in pixels, shown as approximate.
    preview: rows of latent channels to RGB in 0..1 (least squares on decoded pictures), last row the offset."""

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    native: int = 512
    multiple: int = 8
    latent_channels: int = 4
    scale: float = 0.18215
    space: str = ""
    variants: tuple[str, ...] = ("",)
    whole: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[int, float] = field(default_factory=dict)
    preview: tuple[tuple[float, float, float], ...] = ()


FAMILIES: Registry[FamilyRecord] = Registry(
    "model family",
    "model",
    [
        FamilyRecord(
            name="sd1",
            title="Stable Diffusion 1.x",
            aliases=("SD1", "sd15"),
            variants=("", "inpainting"),
            native=512,
            scale=0.18215,
            defaults={"width": 512, "height": 512, "steps": 30, "cfg_scale": 7.5, "sampler": "DPM++ 2M", "schedule": "Karras"},
            memory={512: 2.5, 768: 3.5, 1024: 5.0},
            preview=((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
        ),
    ],
)
