"""What a request trains, put together: the task for the loop, how it sees a picture, and how what was learnt becomes a file. One function for each kind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import NotNumbers
from modules.core.groups.sampling import Text
from modules.core.training import TrainingRequest, called
from modules.families.family import PLAIN, Cond, Family, Model, Setting
from modules.memory.placement import Placed, in_full
from modules.networks.layout import LAYOUTS
from modules.training import results
from modules.training.adapters import Adapters
from modules.training.buckets import View
from modules.training.cache import Cache
from modules.training.dataset import Entry
from modules.training.loop import Task
from modules.training.lora_file import RECIPE, Done, hashed, metadata, recipe
from modules.training.material import Material, pixels, png
from modules.training.objective import Objective
from modules.training.opening import cut, image_of
from modules.training.tasks.autoencoder import Autoencoding
from modules.training.tasks.denoising import Denoising
from modules.training.tasks.inversion import Word, begun
from modules.training.texts import Texts

SHOWN = 4
"""Pictures that an autoencoder is shown with, each above what comes back of it."""


class Borrowed(Protocol):
    """A loaded model of the worker's. placed: where its networks lie."""

    family: Family
    model: Model
    placed: Placed


@dataclass(frozen=True)
class Learnt:
    """see: a view of a picture -> what the task is trained on. write: the file, told what was done. Raises OutputTrouble. shown: sample
    pictures, as PNG files, of what is not drawn with."""

    task: Task
    see: Callable[[Entry, View], Tensor]
    write: Callable[[Path, Done], None]
    shown: Callable[[Material], list[bytes]] | None = None


def learnt(request: TrainingRequest, card: Card, borrowed: Borrowed, cache_folder: Path, standing: ExitStack) -> Learnt:
    """Of what `trainable` lets through. standing: takes off again what was put on the model. Raises Unsupported, InvalidRequest."""
    if request.what == "autoencoder":
        return _autoencoder(request, card, borrowed.model)
    kept = Cache(cache_folder)
    seen = Latents(borrowed.family, borrowed.model, card, kept)
    return {"lora": _lora, "inversion": _inversion, "unet": _unet}[request.what](request, card, borrowed, kept, seen, standing)


class Latents:
    """A view of a picture as the model's own autoencoder has it, kept on the disk. What overflows in half precision is encoded again in fp32.
    Raises BadPicture, NotNumbers."""

    def __init__(self, family: Family, model: Model, card: Card, kept: Cache) -> None:
        self.family, self.model, self.cache = family, model, kept
        self.key = identity(card, model)
        self.digest = cache(lambda path: hashlib.sha256(path.read_bytes()).hexdigest())

    def __call__(self, entry: Entry, seen: View) -> Tensor:
        def make() -> dict[str, Tensor]:
            return {"latent": self._encoded(pixels(cut(image_of(entry.path), seen))[None], entry.name)}

        return self.cache.get({"what": "latent", "picture": self.digest(entry.path), "view": seen, **self.key}, make)["latent"]

    def _encoded(self, given: Tensor, name: str) -> Tensor:
        latent = self.family.encode_image(self.model, given)[0]
        if not latent.isfinite().all() and self.model.vae_dtype != torch.float32:
            with in_full(self.model.parts["vae"]):
                latent = self.family.encode_image(replace(self.model, vae_dtype=torch.float32), given)[0]
        if not latent.isfinite().all():
            what = f"The VAE of {self.model.card.name} makes not-a-number of {name}, in fp32, too."
            raise NotNumbers(what, "Download the checkpoint again, or choose another one.", "model")
        return latent


def identity(card: Card, model: Model) -> dict[str, object]:
    """What decides what a frozen network answers."""
    versions = [version(name) for name in ("torch", "diffusers", "transformers", "pillow")]
    return {"model": card.sha256, "dtypes": [str(model.dtype), str(model.vae_dtype)], "device": model.device, "versions": versions}


def _denoising(
    request: TrainingRequest, card: Card, borrowed: Borrowed, kept: Cache, module: Any, rows: list[dict[str, Any]], texts: bool, vectors: Mapping[str, Tensor]
) -> Denoising:
    model = borrowed.model
    flow = model.flow.shift if model.flow else 1.0
    objective = Objective(model.prediction, model.alphas_cumprod, flow or 1.0, request.loss.min_snr, request.loss.noise_offset)
    words = Texts(borrowed.family, model, kept, identity(card, model), texts, vectors)
    return Denoising(module, rows, borrowed.family, model, objective, words, request.loss.dropout)


def _lora(request: TrainingRequest, card: Card, borrowed: Borrowed, kept: Cache, seen: Latents, standing: ExitStack) -> Learnt:
    model = borrowed.model
    adapters = Adapters(model.parts, card.family, request.adapter, request.seed).to(model.device)
    standing.enter_context(adapters.worn())
    _checkpointed(model, request, standing)
    rate = request.learning.rate
    rows = [{"params": adapters.of(False), "rate": rate}]
    if texts := adapters.of(True):
        rows.append({"params": texts, "rate": request.learning.text_rate or rate})
    task = _denoising(request, card, borrowed, kept, adapters, rows, bool(texts), {})

    def write(path: Path, done: Done) -> None:
        tensors = adapters.tensors()
        told = metadata(request, card, model.prediction, card.native or model.record.native, done)
        results.write_tensors(path, tensors, hashed(tensors, told))

    return Learnt(task, seen, write)


def _inversion(request: TrainingRequest, card: Card, borrowed: Borrowed, kept: Cache, seen: Latents, standing: ExitStack) -> Learnt:
    model = borrowed.model
    word = begun(model, request.inversion.vectors, request.inversion.start, request.seed).to(model.device)
    vectors = {called(request): word.vectors}
    _checkpointed(model, request, standing)
    task = _denoising(request, card, borrowed, kept, word, [{"params": [word.vectors], "rate": request.learning.rate}], True, vectors)
    own = borrowed.family
    standing.callback(setattr, borrowed, "family", own)
    borrowed.family = Knowing(own, vectors)

    def write(path: Path, done: Done) -> None:
        told = {"modelspec.title": request.name, "modelspec.architecture": f"{card.family}/textual-inversion", "modelspec.trigger_phrase": request.name}
        results.write_tensors(
            path, inversion_tensors(model, word), {**told, "ss_steps": str(done.steps), "ss_sd_model_name": card.path.name, RECIPE: recipe(request)}
        )

    return Learnt(task, seen, write)


def inversion_tensors(model: Model, word: Word) -> dict[str, Tensor]:
    """As A1111 reads it: `emb_params`, or for SDXL one table for each text encoder."""
    encoders = LAYOUTS[model.record.name].encoders
    whole = word.vectors.detach().cpu().float()
    if len(encoders) == 1:
        return {"emb_params": whole}
    widths = [model.parts[encoder.part].config.hidden_size for encoder in encoders]
    return dict(zip(("clip_l", "clip_g"), whole.split(widths, 1), strict=True))


class Knowing:
    """A family that knows one more word, for sample pictures of a textual inversion that is not finished."""

    def __init__(self, family: Family, vectors: Mapping[str, Tensor]) -> None:
        self._family, self._vectors = family, vectors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        own = {name: vectors.detach() for name, vectors in self._vectors.items()}
        return self._family.encode(model, texts, text, {**own, **embeddings}, setting)


def _unet(request: TrainingRequest, card: Card, borrowed: Borrowed, kept: Cache, seen: Latents, standing: ExitStack) -> Learnt:
    model = borrowed.model
    unet = model.parts["unet"]
    standing.callback(unet.requires_grad_, False)
    unet.requires_grad_(True)
    _checkpointed(model, request, standing)
    task = _denoising(request, card, borrowed, kept, unet, [{"params": unet.parameters(), "rate": request.learning.rate}], False, {})
    return Learnt(task, seen, lambda path, done: results.write_unet(path, card.path, unet))


def _autoencoder(request: TrainingRequest, card: Card, model: Model) -> Learnt:
    vae = model.parts["vae"]
    vae.requires_grad_(True)
    task = Autoencoding(vae, request.learning.rate, request.loss, model.device)

    def write(path: Path, done: Done) -> None:
        tensors = {name: tensor.half() for name, tensor in vae.state_dict().items()}
        results.write_tensors(path, tensors, {"modelspec.title": request.name, "ss_sd_model_name": card.path.name, RECIPE: recipe(request)})

    def shown(material: Material) -> list[bytes]:
        with torch.no_grad():
            pairs = [task.compare(batch) for batch in material.samples(SHOWN)]
        return [png(torch.cat([true[0], out[0]], 1)) for out, true in pairs]

    return Learnt(task, lambda entry, seen: pixels(cut(image_of(entry.path), seen)), write, shown)


def _checkpointed(model: Model, request: TrainingRequest, standing: ExitStack) -> None:
    if request.checkpointing:
        model.parts["unet"].enable_gradient_checkpointing()
        standing.callback(model.parts["unet"].disable_gradient_checkpointing)
