"""`ControlUnit`: one picture that guides a drawing beside the prompt: through a ControlNet, a T2I-Adapter or an IP-Adapter. What kind it is, its file tells.

Names of modes and modules are those of A1111's ControlNet extension. Pictures are references by content into the blob store (`core.blobs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.limits import NAME_LIMIT
from modules.core.params import STRICT, Param
from modules.core.records.annotators import ANNOTATORS
from modules.core.records.control_types import UNTOLD, UnionKind

LIMIT = 8
"""Units of one request."""

ControlMode = Literal["Balanced", "My prompt is more important", "ControlNet is more important"]
ControlFit = Literal["Just Resize", "Crop and Resize", "Resize and Fill"]
ControlPass = Literal["Both", "Low res only", "High res only"]
Injection = Literal["Whole picture", "Style only", "Composition only"]


@dataclass(frozen=True, kw_only=True)
class ControlUnit:
    """Thresholds mean what the preprocessor's record says (`core.records.annotators`); 0 or less leaves its own value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    model: Annotated[str, Param("Model", max_length=NAME_LIMIT, hint="A ControlNet, T2I-Adapter or IP-Adapter from models/ControlNet.")] = ""
    model_hash: Annotated[str, Param("Model hash", max_length=64)] = ""
    encoder: Annotated[str, Param("Image encoder", max_length=NAME_LIMIT, hint="Of an IP-Adapter. Empty: the one in models/clip_vision that fits.")] = ""
    encoder_hash: Annotated[str, Param("Image encoder's hash", max_length=64)] = ""
    image: Annotated[str, Param("Control picture", max_length=80, hint="Empty in img2img: the start picture.")] = ""
    mask: Annotated[str, Param("Control mask", max_length=80, hint="White is what an inpainting ControlNet draws anew. Empty: the mask of img2img.")] = ""
    annotator: Annotated[str, Param("Preprocessor network", max_length=NAME_LIMIT, hint="Of a learned preprocessor. Empty: the first one that fits.")] = ""
    annotator_hash: Annotated[str, Param("Preprocessor network's hash", max_length=64)] = ""
    module: Annotated[str, Param("Preprocessor", choices=ANNOTATORS.names, max_length=80, hint="Turns the picture into what the model reads.")] = "none"
    resolution: Annotated[int, Param("Preprocessor resolution", 64, 4096, 8, usual=2048, hint="Shorter side at which the preprocessor works.")] = 512
    threshold_a: Annotated[float, Param("Threshold A", -1, 4096, 0.01)] = -1.0
    threshold_b: Annotated[float, Param("Threshold B", -1, 4096, 0.01)] = -1.0
    weight: Annotated[float, Param("Control weight", 0, 2, 0.05, hint="How strongly the picture guides.")] = 1.0
    start: Annotated[float, Param("Starting control step", 0, 1, 0.01, hint="Share of the steps before it begins to act.")] = 0.0
    end: Annotated[float, Param("Ending control step", 0, 1, 0.01, hint="Share of the steps after which it acts no more.")] = 1.0
    mode: Annotated[ControlMode, Param("Control mode")] = "Balanced"
    resize_mode: Annotated[ControlFit, Param("Resize mode", hint="How the control picture is brought to the size of the drawing.")] = "Crop and Resize"
    pixel_perfect: Annotated[bool, Param("Pixel perfect", hint="Chooses the preprocessor's resolution by the size of the drawing.")] = False
    hires: Annotated[ControlPass, Param("Passes of Hires. fix", hint="In which of the two passes it acts.")] = "Both"
    injection: Annotated[Injection, Param("What an IP-Adapter takes over", hint="The whole picture, its style alone or its composition alone.")] = (
        "Whole picture"
    )
    union: Annotated[UnionKind, Param("Kind of control picture", hint="For a ControlNet of several kinds in one. Unknown: what the preprocessor makes.")] = (
        UNTOLD
    )
