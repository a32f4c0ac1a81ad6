"""A checkpoint in one file with LDM names, rewritten as a diffusers folder: tensor by tensor, bit for bit, of whatever size. `ldm_export` goes the other way.

What a folder has no place for (schedule buffers, marks, Stable Diffusion 2.x's last text layer) is kept beside in `ldm_rest.safetensors`, which other
programs leave alone, so that the way back gives the very file again. Source of the layout: diffusers' `save_pretrained`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.catalog import header
from modules.catalog.detect import family_of
from modules.catalog.header import SIZES
from modules.catalog.notes import read_yaml
from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.errors import OutputTrouble, Unsupported
from modules.core.files import make_folder, workplace
from modules.networks import build, ldm_names, ldm_sizes, open_clip
from modules.networks.layout import LAYOUTS, Encoder, Layout
from modules.networks.streaming import Report, Source, Tensor, write
from modules.networks.weights import Weights

REST = "ldm_rest.safetensors"
PREDICTIONS = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}


def to_folder(path: Path, target: Path, report: Report, config: Path | None = None, prediction: str = "") -> None:
    """path: a whole .safetensors checkpoint of a UNet family. target: a folder that is not there yet. config: the yaml beside the file.
    prediction: "eps", "v" or "x0" where that is known better than the file says it. Raises Unsupported for another kind of file, BadModelFile for a damaged one, OutputTrouble."""
    found = header.read(path)
    recognised = family_of(found, config)
    layout = LAYOUTS.get(recognised.family)
    if recognised.trouble or layout is None:
        raise Unsupported(f"{path.name} cannot become a folder. {recognised.trouble}", "Choose a checkpoint with LDM names.", "path")
    told = read_yaml(config) if config else {}
    source, seen = Source.open(path), Weights([path])
    parts = dict(_parts(layout, seen, told))
    sizes = [sum(tensor.nbytes for tensor in _tensors(source, names)) for _, names in parts.values()]
    if os.path.lexists(target):
        raise OutputTrouble(f"{target.name} exists already.", "Choose another name, or move that folder away.")
    with workplace(target.parent) as made:
        place = made / target.name
        _written(place, source, parts, sizes, found.metadata, report)
        _rest_of_the_folder(place, layout, prediction or recognised.prediction, ldm_sizes.scheduler(told, found.tensors, layout.family), parts)
        os.rename(place, target)


def _written(target: Path, source: Source, parts: Mapping[str, Any], sizes: list[int], metadata: Mapping[str, str], report: Report) -> None:
    used: set[str] = set()
    done = 0
    for (part, (description, names)), size in zip(parts.items(), sizes, strict=True):
        make_folder(target / part)
        _write_json(target / part / "config.json", description)
        file = "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"
        told = partial(_told, report, done, size, max(sum(sizes), 1))
        write(target / part / f"{file}.safetensors", _tensors(source, names), {"format": "pt"}, told)
        used |= {inside for inside, _, _ in names.values()}
        done += size
    rest = [source.copied(name) for name in source.tensors if name not in used]
    write(target / REST, rest, metadata, lambda now: None)


def _told(report: Report, done: int, size: int, whole: int, now: float) -> None:
    report((done + now * size) / whole)


Places = dict[str, tuple[str, tuple[int, ...], str]]
"""Name in the folder -> (name in the file, shape in the folder, which piece: "" all of it, "0" to "2" a third, "turned")."""


def _parts(layout: Layout, weights: Weights, told: Mapping[str, Any]) -> Iterator[tuple[str, tuple[dict[str, Any], Places]]]:
    shapes, family = weights.shapes, layout.family
    unet, vae = ldm_sizes.unet(shapes, told, family), ldm_sizes.vae(shapes, told, family)
    attention = tuple(kind.startswith("CrossAttn") for kind in unet["up_block_types"])
    names = build.unet(unet).state_dict()
    yield "unet", (unet, {name: (ldm_names.unet(name, unet["layers_per_block"], attention), tuple(names[name].shape), "") for name in names})
    names = build.vae(vae).state_dict()
    levels = len(vae["block_out_channels"])
    yield "vae", (vae, {name: (ldm_names.vae(name, levels), tuple(names[name].shape), "") for name in names})
    for encoder in layout.encoders:
        yield encoder.part, _encoder(weights, encoder, family)


def _encoder(weights: Weights, encoder: Encoder, family: str) -> tuple[dict[str, Any], Places]:
    if encoder.open_clip:
        seen = open_clip.OpenClip(weights, encoder.prefix)
        config = ldm_sizes.text_encoder(seen.shapes, "", encoder.part, family, encoder.unused(seen.depth))
        kept = {name: shape for name, shape in seen.shapes.items() if _layer(name) < config["num_hidden_layers"]}
        if not encoder.projected:
            kept.pop(open_clip.PROJECTION, None)
        places = {_prefixed(name): (seen.place(name)[0], shape, seen.place(name)[1]) for name, shape in kept.items()}
        return config, places
    prefix = encoder.prefix + ("text_model." if f"{encoder.prefix}text_model.embeddings.token_embedding.weight" in weights.shapes else "")
    config = ldm_sizes.text_encoder(weights.shapes, prefix, encoder.part, family)
    names = [name for name in weights.shapes if name.startswith(prefix) and not name.endswith("position_ids")]
    return config, {_prefixed(name.removeprefix(prefix)): (name, weights.shapes[name], "") for name in names}


def _layer(name: str) -> int:
    found = open_clip.LAYER.fullmatch(name)
    return int(found[1]) if found else -1


def _prefixed(name: str) -> str:
    """The older name, which every version of transformers reads."""
    return name if name == open_clip.PROJECTION else f"text_model.{name}"


def _tensors(source: Source, names: Places) -> list[Tensor]:
    return [_piece(source, into, *place) for into, place in names.items()]


def _piece(source: Source, into: str, name: str, shape: tuple[int, ...], piece: str) -> Tensor:
    if not piece:
        return source.copied(name, into, shape)
    dtype = source.tensors[name].dtype
    if piece == "turned":
        return Tensor(into, dtype, shape, lambda: iter([turned(source, name)]))
    return Tensor(into, dtype, shape, lambda: iter([np.split(flat(source, name), 3)[int(piece)]]))


def flat(source: Source, name: str) -> NDArray[Any]:
    """The bytes of a tensor at once."""
    return np.concatenate([*source.raw(name), np.zeros(0, np.uint8)])


def turned(source: Source, name: str) -> NDArray[Any]:
    """The bytes of a matrix, rows and columns exchanged."""
    entry = source.tensors[name]
    numbers = flat(source, name).view(f"V{SIZES[entry.dtype]}").reshape(entry.shape)
    return np.ascontiguousarray(numbers.T).reshape(-1).view(np.uint8)


def _rest_of_the_folder(target: Path, layout: Layout, prediction: str, scheduler: dict[str, Any], parts: Mapping[str, Any]) -> None:
    make_folder(target / "scheduler")
    _write_json(target / "scheduler" / "scheduler_config.json", {**scheduler, "prediction_type": PREDICTIONS[prediction]})
    index: dict[str, Any] = {"_class_name": layout.index, "scheduler": ["diffusers", scheduler["_class_name"]]}
    index |= {part: ["diffusers", parts[part][0]["_class_name"]] for part in ("unet", "vae")}
    for encoder in layout.encoders:
        shutil.copytree(CLIP_VOCABULARY, target / encoder.tokenizer)
        if encoder.pad:
            settings = json.loads((target / encoder.tokenizer / "tokenizer_config.json").read_text("utf-8"))
            _write_json(target / encoder.tokenizer / "tokenizer_config.json", {**settings, "pad_token": encoder.pad})
        index[encoder.part] = ["transformers", "CLIPTextModelWithProjection" if encoder.projected else "CLIPTextModel"]
        index[encoder.tokenizer] = ["transformers", "CLIPTokenizer"]
    if layout.family.startswith("sdxl"):
        absent = {part: [None, None] for part in ("text_encoder", "tokenizer") if part not in index}
        index |= {**absent, "force_zeros_for_empty_prompt": True, "requires_aesthetics_score": layout.family == "sdxl-refiner"}
        if layout.family == "sdxl":
            del index["requires_aesthetics_score"]
    else:
        index |= {part: [None, None] for part in ("safety_checker", "feature_extractor")} | {"requires_safety_checker": False}
    _write_json(target / "model_index.json", index)


def _write_json(path: Path, table: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(table, indent=2) + "\n", "utf-8")
