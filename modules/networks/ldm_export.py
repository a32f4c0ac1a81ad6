"""A diffusers folder of a UNet family, rewritten as one file with LDM names, which every program of A1111's kin reads: tensor by tensor, bit for bit.

Where the folder came out of such a file (`ldm_folder`), the very tensors of that file come back. What the names do not show is said in the file:
`v_pred` and `ztsnr` as trainers mark them, and in a yaml beside it where the latents' scale or the noise table are not the family's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from modules.catalog import folder as folders
from modules.catalog.detect import family_of
from modules.core.errors import BadModelFile, Unsupported
from modules.networks import ldm_names, open_clip
from modules.networks.checkpoint import OLD_VAE
from modules.networks.layout import LAYOUTS, Encoder
from modules.networks.ldm_folder import REST, flat, turned
from modules.networks.ldm_sizes import bundled
from modules.networks.streaming import Report, Source, Tensor, write


def to_single_file(folder: Path, target: Path, report: Report, metadata: Mapping[str, str] | None = None) -> None:
    """folder: of a UNet family. target: the new .safetensors file. metadata: in place of what the folder's own file once said.
    Raises Unsupported for another kind of folder, BadModelFile for a damaged one, OutputTrouble also where a name is taken."""
    recognised = family_of(folder)
    layout = LAYOUTS.get(recognised.family)
    if recognised.trouble or layout is None:
        raise Unsupported(f"{folder.name} cannot become one file. {recognised.trouble}", "Choose a folder of Stable Diffusion 1.x, 2.x or XL.", "path")
    tensors = [*_unet(folder), *_vae(folder)]
    for encoder in layout.encoders:
        tensors += _encoder(folder, encoder)
    given: Mapping[str, str] = {}
    scheduler = folders.config(folder, "scheduler")
    marks = [("v_pred", recognised.prediction == "v"), ("ztsnr", bool(scheduler.get("rescale_betas_zero_snr")))]
    if (folder / REST).is_file():
        rest = Source.open(folder / REST)
        known = {tensor.name for tensor in tensors}
        tensors += [rest.copied(name) for name in rest.tensors if name not in known]
        given, marks = rest.header.metadata, []  # the file's own are among them
    tensors += [Tensor(name, "F32", (1,), lambda: iter([np.zeros(4, np.uint8)])) for name, is_so in marks if is_so]
    write(target, tensors, given if metadata is None else metadata, report)
    told = _told(layout.family, folders.config(folder, "vae"), scheduler, recognised.prediction)
    if told:
        target.with_suffix(".yaml").write_text(yaml.safe_dump({"model": {"params": told}}), "utf-8")


def _sources(folder: Path, part: str) -> dict[str, Source]:
    """Each tensor of a part -> the file that holds it."""
    return {name: source for source in map(Source.open, folders.weight_files(folder, part)) for name in source.tensors}


def _unet(folder: Path) -> Iterator[Tensor]:
    config = folders.config(folder, "unet")
    try:
        layers, attention = int(config["layers_per_block"]), tuple(str(kind).startswith("CrossAttn") for kind in config["up_block_types"])
    except (KeyError, TypeError, ValueError):
        raise BadModelFile(f"The UNet of {folder.name} has blocks of different depth, which LDM's names cannot tell.", "It can only stay a folder.") from None
    for name, source in _sources(folder, "unet").items():
        yield source.copied(name, ldm_names.unet(name, layers, attention))


def _vae(folder: Path) -> Iterator[Tensor]:
    levels = len(folders.config(folder, "vae").get("block_out_channels", ()))
    for name, source in _sources(folder, "vae").items():
        plain = name
        for ours, theirs in OLD_VAE.items():
            plain = plain.replace(theirs, ours)
        shape = source.tensors[name].shape
        matrix = len(shape) == 2 and "attentions" in name
        yield source.copied(name, ldm_names.vae(plain, levels), (*shape, 1, 1) if matrix else shape)


def _encoder(folder: Path, encoder: Encoder) -> Iterator[Tensor]:
    found = {name: source for name, source in _sources(folder, encoder.part).items() if not name.endswith("position_ids")}
    if not encoder.open_clip:
        yield from (source.copied(name, ldm_names.text_encoder(name, prefix=encoder.prefix)) for name, source in found.items())
        return
    for into, names in open_clip.sources({name: source.tensors[name].shape for name, source in found.items()}).items():
        source, first = found[names[0]], names[0]
        entry = source.tensors[first]
        if len(names) > 1:
            yield Tensor(encoder.prefix + into, entry.dtype, (entry.shape[0] * len(names), *entry.shape[1:]), _joined(found, names))
        elif into == open_clip.TURNED:
            yield Tensor(encoder.prefix + into, entry.dtype, (entry.shape[1], entry.shape[0]), _turned(source, first))
        else:
            yield source.copied(first, encoder.prefix + into)


def _joined(found: Mapping[str, Source], names: Iterable[str]) -> Any:
    return lambda: (flat(found[name], name) for name in names)


def _turned(source: Source, name: str) -> Any:
    return lambda: iter([turned(source, name)])


def _told(family: str, vae: Mapping[str, Any], scheduler: Mapping[str, Any], prediction: str) -> dict[str, Any]:
    """What a yaml must say; {} where nothing differs from the family's own."""
    own, table = bundled("vae", family), bundled("scheduler", family)
    told: dict[str, Any] = {}
    if vae.get("scaling_factor", own["scaling_factor"]) != own["scaling_factor"]:
        told["scale_factor"] = vae["scaling_factor"]
    for ours, theirs in (("beta_start", "linear_start"), ("beta_end", "linear_end")):
        if scheduler.get(ours, table[ours]) != table[ours]:
            told[theirs] = scheduler[ours]
    return {**told, "parameterization": prediction} if told or prediction == "x0" else {}
