"""Faces of a drawn picture, restored before anything is laid over it. What restores faces of finished pictures stands in `core.extras`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.params import STRICT, Param

Restorer = Literal["Automatic", "CodeFormer", "GFPGAN"]
FACE_RESTORERS: tuple[Restorer, ...] = ("CodeFormer", "GFPGAN")
"""A1111's names. What is automatic takes the first one that is here."""


@dataclass(frozen=True, kw_only=True)
class RestoredFaces:
    """Faces found and drawn sharper by a network trained on faces. A1111's "Restore faces"."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    restore: Annotated[bool, Param("Restore faces", flag="restore-faces", hint="Faces are found and drawn sharper when the picture is done.")] = False
    restorer: Annotated[
        Restorer, Param("Face restorer", text="Face restoration", flag="face-restorer", hint="Automatic: CodeFormer, or GFPGAN where only that is here.")
    ] = "Automatic"
    weight: Annotated[
        float,
        Param("CodeFormer weight", 0, 1, 0.01, text="CodeFormer weight", flag="codeformer-weight", hint="0 changes most, 1 stays closest to the face."),
    ] = 0.5
    networks: Annotated[dict[str, str], Param("Face networks of the picture", hint="Name and sha256 of each; filled in when the request is resolved.")] = field(
        default_factory=dict
    )
