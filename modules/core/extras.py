"""`ExtrasRequest`: finished pictures made larger, and faces in them restored. A1111's tab Extras as a request of its own, queued, recorded and rerun like any other.

Like `core.request` it holds everything that changes pixels and nothing else; only `names` are there for the names of the results.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.groups.passes import Enlarging
from modules.core.limits import NAME_LIMIT
from modules.core.params import STRICT, Param
from modules.core.records.upscalers import IMAGE_UPSCALERS
from modules.core.request import Precision

MOST = 1000
"""Pictures of one request."""
LARGEST = 16384
"""Pixels of a side."""
Resize = Literal["Scale by", "Scale to"]


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Faces found and drawn sharper by a network trained on faces. Visibility: how much of that is laid over the picture."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    gfpgan: Annotated[float, Param("GFPGAN visibility", 0, 1, 0.001, hint="0: faces stay as they are.")] = 0.0
    codeformer: Annotated[float, Param("CodeFormer visibility", 0, 1, 0.001, hint="0: faces stay as they are.")] = 0.0
    codeformer_weight: Annotated[float, Param("CodeFormer weight", 0, 1, 0.001, hint="0 changes most, 1 stays closest to the face.")] = 0.0
    networks: Annotated[dict[str, str], Param("Face networks used", hint="Name and sha256 of each; filled in when the request is resolved.")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class ExtrasRequest:
    """A wish for larger pictures. Sizes in pixels. The upscaler "None" leaves a picture at its size, whatever else is said."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    KIND: ClassVar[str] = "extras"
    batch_size: ClassVar[int] = 1
    steps: ClassVar[int] = 0
    seed: ClassVar[int] = 0
    work: ClassVar[str] = "extras"
    sweeps: ClassVar[bool] = False
    images: Annotated[tuple[str, ...], Param("Picture", max_length=MOST, hint="References by content into the blob store.")] = ()
    names: Annotated[tuple[str, ...], Param("Their file names", max_length=MOST, hint="Without endings; of the results, too. Empty: numbers.")] = ()
    resize: Annotated[Resize, Param("Resize", hint="By a factor, or to a size.")] = "Scale by"
    scale: Annotated[float, Param("Resize by", 0.05, 16, 0.05, usual=8)] = 4.0
    width: Annotated[int, Param("Width", 1, LARGEST, 8, usual=2048)] = 512
    height: Annotated[int, Param("Height", 1, LARGEST, 8, usual=2048)] = 512
    crop: Annotated[bool, Param("Crop to fit", hint="Cuts off what stands out of that size; otherwise the picture covers it.")] = True
    upscaler: Annotated[str, Param("Upscaler 1", choices=IMAGE_UPSCALERS, max_length=NAME_LIMIT)] = "None"
    second: Annotated[str, Param("Upscaler 2", choices=IMAGE_UPSCALERS, max_length=NAME_LIMIT, hint="Its result is blended over the first one's.")] = "None"
    second_visibility: Annotated[float, Param("Upscaler 2 visibility", 0, 1, 0.001, hint="0: the first one alone.")] = 0.0
    faces: Faces = field(default_factory=Faces)
    enlarging: Enlarging = field(default_factory=Enlarging)
    precision: Annotated[Precision, Param("Precision", hint="auto: fp32 on a CPU, fp16 on a GPU.")] = "auto"

    @property
    def pictures(self) -> int:
        return len(self.images)

    @property
    def title(self) -> str:
        names = ", ".join(self.names[:3]) + (", …" if len(self.names) > 3 else "")
        return names or (f"{len(self.images)} pictures" if len(self.images) > 1 else "A picture")

    @property
    def details(self) -> tuple[str, ...]:
        if self.upscaler == "None":
            return ("Faces",)
        second = (self.second,) if self.second != "None" and self.second_visibility else ()
        return (f"× {self.scale:g}" if self.resize == "Scale by" else f"{self.width} × {self.height}", " + ".join((self.upscaler, *second)))

    @property
    def texts(self) -> tuple[str, ...]:
        return self.names

    @property
    def marks(self) -> Mapping[str, str]:
        return {"dtype": self.precision.replace("auto", ""), **self.enlarging.networks, **self.faces.networks}


def one(request: ExtrasRequest, index: int) -> ExtrasRequest:
    """The request that makes picture `index` alone."""
    return dataclasses.replace(request, images=request.images[index : index + 1], names=request.names[index : index + 1])
