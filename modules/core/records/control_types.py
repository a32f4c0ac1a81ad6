"""Kinds of control that people look for by name, each with the preprocessors and the files that belong to it. A1111's menu "Control Type"; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from modules.core.records.annotators import ANNOTATORS

ALL = "All"
SEVERAL = "union"
"""In the name of a ControlNet of several kinds in one."""
UnionKind = Literal["OpenPose", "Depth", "Soft Edge", "Hard Edge", "Normal Map", "Segmentation", "Tile", "Inpaint", "Unknown"]
"""What such a one tells apart, in the order of its numbers (ControlNet++; the last two in its ProMax version); the words are those of A1111's extension."""
UNION_KINDS: tuple[UnionKind, ...] = get_args(UnionKind)
UNTOLD: UnionKind = "Unknown"
TYPES: Mapping[str, tuple[str, ...]] = {
    "Canny": ("canny", SEVERAL),
    "Depth": ("depth", SEVERAL),
    "NormalMap": ("normal", SEVERAL),
    "OpenPose": ("openpose", "pose", SEVERAL),
    "MLSD": ("mlsd", SEVERAL),
    "Lineart": ("lineart", SEVERAL),
    "SoftEdge": ("softedge", "hed", SEVERAL),
    "Scribble": ("scribble", "sketch", SEVERAL),
    "Segmentation": ("seg", SEVERAL),
    "Shuffle": ("shuffle",),
    "Tile": ("tile", "blur", SEVERAL),
    "Inpaint": ("inpaint", SEVERAL),
    "InstructP2P": ("ip2p",),
    "Recolor": ("recolor",),
    "T2I-Adapter": ("t2i",),
    "IP-Adapter": ("ip-adapter", "ip_adapter"),
}
"""What the names of fitting files hold, in small letters."""

UNION_OF: Mapping[str, UnionKind] = {
    "Canny": "Hard Edge", "Lineart": "Hard Edge", "MLSD": "Hard Edge", "SoftEdge": "Soft Edge", "Scribble": "Soft Edge", "Depth": "Depth",
    "NormalMap": "Normal Map", "OpenPose": "OpenPose", "Segmentation": "Segmentation", "Tile": "Tile", "Inpaint": "Inpaint",
}  # fmt: skip
"""The menu's types -> what a ControlNet of several kinds calls them."""


def union_kind(tags: Sequence[str]) -> UnionKind:
    """Of what a preprocessor with these tags makes."""
    return next((UNION_OF[tag] for tag in tags if tag in UNION_OF), UNTOLD)


def union_number(kind: UnionKind) -> int:
    return UNION_KINDS.index(kind)


def modules_of(kind: str) -> list[str]:
    """Preprocessors; of a kind whose own ones need weights, "none" alone, for a map that was made elsewhere."""
    return ["none", *(record.name for record in ANNOTATORS if record.name != "none" and (kind == ALL or kind in record.tags))]


def models_of(kind: str, names: Sequence[str]) -> list[str]:
    """Those of these files that say in their names that they belong to it, made for it alone first."""
    found = [name for name in names if kind == ALL or any(word in name.lower() for word in TYPES[kind])]
    return found if kind == ALL else sorted(found, key=lambda name: SEVERAL in name.lower())
