"""Whether a checkpoint can be drawn with, and by which family: what `recognise` says of it, against the records of the families that can be loaded. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.catalog import folder as folders
from modules.catalog.card import GROUPS, Kind
from modules.catalog.header import Header
from modules.catalog.notes import at, read_json, read_yaml
from modules.catalog.recognise import Seen, recognise
from modules.catalog.titles import PLACES, article, title
from modules.catalog.unets import CHANNELS, CONTEXT
from modules.core.errors import BadModelFile
from modules.core.records.families import FAMILIES

RECORDS = ("sd1", "sd2", "sdxl-refiner", "sdxl", "sd3", "flux2", "flux")
"""Records of families; an architecture belongs to the first whose name begins its word (sd35-large to sd3)."""

PIPELINES = {
    "StableDiffusionXLImg2ImgPipeline": "sdxl-refiner",
    "StableDiffusionXL": "sdxl",
    "StableDiffusion3": "sd3",
    "StableDiffusion": "sd1",
    "Flux2": "flux2",
    "Flux": "flux",
}
"""How the class in a folder's index begins -> record; the first that fits. Which Stable Diffusion a folder is, its UNet's config says."""

EPSILON = ("sd1", "sd2", "sdxl", "sdxl-refiner")
"""Records whose models predict noise or velocity along the schedule of diffusion; all others follow a flow."""

SPOKEN = ("modelspec.prediction_type", "modelspec.architecture", "ss_base_model_version", "ss_v_parameterization")
"""Metadata that may say so. Of Stable Diffusion 2 both are common; larger pictures, which are more, are of the one with velocity."""

TOLD = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}


LOADABLE = ("vpred", "pruned")
"""Variants that need nothing of a family but what it does anyway."""


class Recognised(NamedTuple):
    """family: a record's name, "" when none can load it. prediction: "eps", "v", "x0", "flow" or "edm"; guessed: the file does not say.
    trouble: why it cannot be used, in words; "" when it can. kind, architecture, variant: as the card has them."""

    family: str
    prediction: str = ""
    trouble: str = ""
    kind: Kind = "checkpoint"
    architecture: str = ""
    variant: str = ""
    guessed: bool = False

    @property
    def checkpoint(self) -> bool:
        """Whether it is meant to draw by itself (an SDXL file is, a LoRA is not)."""
        return self.kind in GROUPS["checkpoint"]


def family_of(source: Header | Path, config: Path | None = None, stem: str = "", seen: Seen | None = None) -> Recognised:
    """source: the header of a single file, or a diffusers folder. config: the yaml beside a single file. stem: of its name. seen: what `recognise` said. Raises BadModelFile for a damaged folder or yaml."""
    return _of_folder(source) if isinstance(source, Path) else _of_file(source, config, seen or recognise(source, stem))


def record_of(architecture: str) -> str:
    """The record whose family this architecture belongs to; "" for one of another family, or one that may belong to two."""
    if "/" in architecture or architecture.startswith("sd-"):
        return ""
    word = "sd3" if architecture.startswith("sd35") else architecture
    return next((name for name in RECORDS if word.startswith(name)), "")


def _of_file(found: Header, config: Path | None, seen: Seen) -> Recognised:
    if seen.kind not in GROUPS["checkpoint"]:
        return Recognised("", "", _not_alone(seen), seen.kind, seen.architecture, seen.variant)
    told = at(read_yaml(config), "model", "params", "parameterization") if config else None
    prediction, guessed = _prediction(found, told, seen)
    record = record_of(seen.architecture)
    trouble = _unusable(seen, record)
    return Recognised("" if trouble else record, prediction, trouble, seen.kind, seen.architecture, seen.variant, guessed)


def _unusable(seen: Seen, record: str) -> str:
    """Why nothing here draws with it, "" when something does."""
    what = article(title(seen.architecture))
    loads = FAMILIES.find(record)
    if loads is None or seen.variant not in (*loads.variants, *LOADABLE):
        return f"This is {what}. Easel cannot draw with it yet."
    if seen.missing and (loads.whole or seen.kind == "unet"):
        return f"This is {what} without {' and '.join(seen.missing)}; a whole checkpoint is needed."
    return ""


def _not_alone(seen: Seen) -> str:
    if seen.kind == "unknown":
        return f"This is no model that Easel knows{f': {seen.seen}' if seen.seen else ''}."
    place = PLACES.get(seen.kind, "")
    return f"This is {article(title(seen.architecture, seen.kind))}, not a whole checkpoint.{f' Its place is models/{place}.' if place else ''}"


def _prediction(found: Header, told: Any, seen: Seen) -> tuple[str, bool]:
    """-> (prediction, whether it is only guessed). told: `parameterization` of a yaml. Marker tensors and metadata are what trainers write without one."""
    if isinstance(told, str) and told in ("eps", "v", "x0"):
        return told, False
    record = record_of(seen.architecture)
    if record not in EPSILON:
        return "flow", False
    if "edm_mean" in found.tensors:
        return "edm", False
    spoken = " ".join(found.metadata.get(key, "").casefold() for key in SPOKEN)
    if {"v_pred", "edm_vpred.sigma_max"} & set(found.tensors) or re.search(r"(^|\s)v(\s|$|[_-]pred)|_v\b|-v/", spoken):
        return "v", False
    if re.search(r"\b(sample|x0)\b", spoken):
        return "x0", False
    if "epsilon" in spoken or seen.architecture in ("sd2-inpainting", "sd2-depth", "sdxl-refiner"):
        return "eps", False
    return ("v" if seen.architecture == "sd2" or seen.architecture.startswith("sd2-unclip") else "eps"), True


def _of_folder(path: Path) -> Recognised:
    kind = str(read_json(path / folders.INDEX).get("_class_name", ""))
    record = next((name for start, name in PIPELINES.items() if kind.startswith(start)), "")
    if record not in ("sd1", "sdxl", "sdxl-refiner"):
        return _other_folder(path, kind, record)
    unet = folders.config(path, "unet")
    channels = unet.get("in_channels")
    base = _base(path, unet) if record == "sd1" else "sdxl" if (path / "text_encoder").is_dir() else "sdxl-refiner"
    if not isinstance(channels, int) or channels not in CHANNELS:
        what = "with other input channels" if isinstance(channels, int) else "without a number of input channels"
        return Recognised("", trouble=f"This is a model {what}. Easel cannot draw with it yet.")
    variant = CHANNELS[channels]
    seen = Seen("checkpoint", f"{base}-{variant}" if variant else base, variant)
    prediction = _folder_prediction(path)
    if trouble := _unusable(seen, base):
        return Recognised("", prediction, trouble, "checkpoint", seen.architecture, variant)
    for part in {"sdxl": (*folders.PARTS, "text_encoder_2"), "sdxl-refiner": ("unet", "vae", "text_encoder_2")}.get(base, folders.PARTS):
        folders.headers(path, part)
    return Recognised(base, prediction, "", "checkpoint", seen.architecture, variant)


def _base(path: Path, unet: Mapping[str, Any]) -> str:
    """Which Stable Diffusion a folder is: by its UNet, a narrow one by its text encoder, whose activation is open_clip's in the second."""
    width = unet.get("cross_attention_dim")
    if unet.get("addition_embed_type") or unet.get("class_embed_type"):
        return "sd2"
    if isinstance(width, int) and width in CONTEXT:
        return CONTEXT[width]
    told = (path / "text_encoder" / "config.json").is_file() and folders.config(path, "text_encoder").get("hidden_act")
    return "sd2" if told == "gelu" else "sd1"


def _other_folder(path: Path, kind: str, record: str) -> Recognised:
    """A folder of another family: its record loads it where there is one, else its own pipeline does."""
    inner = folders.denoiser(path)
    seen = recognise(inner) if inner else Seen()
    if seen.kind not in GROUPS["checkpoint"] or record and record_of(seen.architecture) != record:
        seen = Seen(architecture=record)  # told by the index alone, as of a narrow model
    names = FAMILIES.names()
    known = FAMILIES.find(record)
    drawn = known is not None and (not seen.variant or seen.variant in (*known.variants, *LOADABLE))
    loads = record if drawn else "pipeline" if kind and "pipeline" in names else ""
    if not loads:
        what = article(title(seen.architecture)) if known else f"a {kind[:60] or 'nameless'} folder"
        return Recognised("", trouble=f"This is {what}. Easel cannot draw with it yet.", architecture=seen.architecture, variant=seen.variant)
    prediction = _folder_prediction(path) if loads.startswith("sd") else "flow"
    variant = seen.variant or (_flux_variant(path, kind) if loads == "flux" else "")
    word = f"{record}-{variant}" if variant and seen.architecture == record else seen.architecture
    return Recognised(loads, prediction, "", "checkpoint", word, variant)


def _flux_variant(path: Path, kind: str) -> str:
    """Which FLUX.1 a narrow folder is: the class tells Fill, the network's config whether it knows guidance."""
    if kind.startswith("FluxFill"):
        return "fill"
    return "dev" if folders.config(path, "transformer").get("guidance_embeds") else "schnell"


def _folder_prediction(path: Path) -> str:
    config = folders.config(path, "scheduler")
    if str(config.get("_class_name", "")).startswith("FlowMatch"):
        return "flow"
    told = config.get("prediction_type", "epsilon")
    prediction = TOLD.get(told if isinstance(told, str) else "")
    if prediction is None:
        raise BadModelFile(f"{path.name} names the unknown prediction type {str(told)[:40]!r}.", "Correct its scheduler/scheduler_config.json.")
    return prediction
