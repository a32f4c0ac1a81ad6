"""The model families that can be loaded, by the name of their record."""

from __future__ import annotations

from collections.abc import Mapping

from modules.families.family import Family
from modules.families.flux import Flux
from modules.families.pipeline import AnyPipeline
from modules.families.sd1 import StableDiffusion1
from modules.families.sd2 import StableDiffusion2
from modules.families.sd3 import StableDiffusion3
from modules.families.sdxl import StableDiffusionXL

KNOWN: tuple[Family, ...] = (
    StableDiffusion1(),
    StableDiffusion2(),
    StableDiffusionXL(),
    StableDiffusionXL("sdxl-refiner"),
    StableDiffusion3(),
    Flux(),
    AnyPipeline(),
)
FAMILIES_BY_NAME: Mapping[str, Family] = {family.record.name: family for family in KNOWN}
