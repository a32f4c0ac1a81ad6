"""Kinds of control that people look for by name, each with the preprocessors and the files that belong to it. A1111's menu "Control Type"; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modules.core.records.annotators import ANNOTATORS

ALL = "All"
TYPES: Mapping[str, tuple[str, ...]] = {
    "Canny": ("canny",),
    "Depth": ("depth",),
    "NormalMap": ("normal",),
    "OpenPose": ("openpose", "pose"),
    "MLSD": ("mlsd",),
    "Lineart": ("lineart",),
    "SoftEdge": ("softedge", "hed"),
    "Scribble": ("scribble", "sketch"),
    "Segmentation": ("seg",),
    "Shuffle": ("shuffle",),
    "Tile": ("tile", "blur"),
    "Inpaint": ("inpaint",),
    "InstructP2P": ("ip2p",),
    "Recolor": ("recolor",),
    "T2I-Adapter": ("t2i",),
    "IP-Adapter": ("ip-adapter", "ip_adapter"),
}
"""What the names of fitting files hold, in small letters."""


def modules_of(kind: str) -> list[str]:
    """Preprocessors; of a kind whose own ones need weights, "none" alone, for a map that was made elsewhere."""
    return ["none", *(record.name for record in ANNOTATORS if record.name != "none" and (kind == ALL or kind in record.tags))]


def models_of(kind: str, names: Sequence[str]) -> list[str]:
    """Those of these files that say in their names that they belong to it."""
    return [name for name in names if kind == ALL or any(word in name.lower() for word in TYPES[kind])]
