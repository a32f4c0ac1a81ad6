"""A trained LoRA as a file that every program reads: kohya's names, its `ss_*` metadata and the hub's modelspec, and Easel's own recipe beside them.

No path of the user's machine goes into a file, only the folder's name. Sources: kohya's sd-scripts (names of the metadata), Stability's modelspec 1.0.0.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from safetensors.torch import save
from torch import Tensor

from modules import __version__
from modules.catalog import old_hashes
from modules.catalog.card import Card
from modules.core.params import to_dict
from modules.core.training import TrainingRequest, called
from modules.training.dataset import Entry
from modules.training.order import Order
from modules.training.views import Views, caption_of

BASES = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0", "sdxl-refiner": "sdxl_refiner_v1-0"}
ARCHITECTURES = {
    "sd1": "stable-diffusion-v1",
    "sd2": "stable-diffusion-v2",
    "sdxl": "stable-diffusion-xl-v1-base",
    "sdxl-refiner": "stable-diffusion-xl-v1-refiner",
}
PREDICTIONS = {"eps": "epsilon", "v": "v", "x0": "sample", "flow": "flow"}
RECIPE = "easel.training"


BUCKETED = 2000
"""Pictures whose shapes are counted, at most: each is opened for it."""
TAGS = 200


@dataclass(frozen=True)
class Done:
    """A run at its end. steps: that were done. own: pictures that were learnt from, priors: of other things. views: how they were seen. began: seconds since
    1970. processes: that shared each step."""

    steps: int
    own: Sequence[Entry]
    priors: Sequence[Entry]
    views: Views
    began: float
    processes: int = 1


def metadata(request: TrainingRequest, card: Card, prediction: str, native: int, done: Done) -> dict[str, str]:
    """prediction, native: of the model."""
    learning, loss, data, adapter = request.learning, request.loss, request.data, request.adapter
    name, size = PurePath(data.folder).name, request.batch * request.accumulation * done.processes
    order = Order(request.seed, len(done.own), len(done.priors), request.prior.share)
    file = None if card.path.is_dir() else card
    told: dict[str, object] = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": adapter.rank,
        "ss_network_alpha": adapter.alpha,
        "ss_network_args": json.dumps({"conv_dim": adapter.rank, "conv_alpha": adapter.alpha}) if adapter.layers == "everything" else None,
        "ss_output_name": request.name,
        "ss_base_model_version": BASES.get(card.family, card.family),
        "ss_v2": card.family == "sd2",
        "ss_v_parameterization": prediction == "v",
        "ss_sd_model_name": card.path.name,
        "ss_sd_model_hash": old_hashes.autov1(file.path) or None if file else None,
        "ss_new_sd_model_hash": file.sha256 if file else None,
        "ss_steps": done.steps,
        "ss_max_train_steps": request.steps,
        "ss_epoch": _epochs(order, done.steps, size),
        "ss_num_epochs": _epochs(order, request.steps, size),
        "ss_learning_rate": learning.rate,
        "ss_unet_lr": learning.rate,
        "ss_text_encoder_lr": (learning.text_rate or learning.rate) if adapter.text_encoder else 0.0,
        "ss_lr_scheduler": learning.curve,
        "ss_lr_warmup_steps": round(learning.warmup * request.steps),
        "ss_optimizer": learning.optimizer,
        "ss_max_grad_norm": learning.clip,
        "ss_seed": request.seed,
        "ss_total_batch_size": size,
        "ss_batch_size_per_device": request.batch,
        "ss_gradient_accumulation_steps": request.accumulation,
        "ss_gradient_checkpointing": request.checkpointing,
        "ss_mixed_precision": request.mixed,
        "ss_num_train_images": len(done.own),
        "ss_num_reg_images": len(done.priors),
        "ss_dataset_dirs": json.dumps({name: {"n_repeats": 1, "img_count": len(done.own)}}, ensure_ascii=False),
        "ss_reg_dataset_dirs": json.dumps(_folders(done.priors), ensure_ascii=False),
        "ss_prior_loss_weight": request.prior.weight,
        "ss_noise_offset": loss.noise_offset or None,
        "ss_min_snr_gamma": loss.min_snr or None,
        "ss_caption_dropout_rate": loss.dropout,
        "ss_clip_skip": 1,
        "ss_resolution": f"({data.side or native}, {data.side or native})",
        "ss_enable_bucket": data.buckets,
        "ss_bucket_info": json.dumps(_buckets(done.own, done.views)) if data.buckets and len(done.own) <= BUCKETED else None,
        "ss_flip_aug": data.flip,
        "ss_random_crop": data.crop == "random",
        "ss_cache_latents": True,
        "ss_tag_frequency": json.dumps({name: _tags(done.own, called(request))}, ensure_ascii=False),
        "ss_training_started_at": f"{done.began:.0f}",
        "ss_training_finished_at": f"{time.time():.0f}",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{ARCHITECTURES.get(card.family, card.family)}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": request.name,
        "modelspec.date": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "modelspec.resolution": f"{data.side or native}x{data.side or native}",
        "modelspec.prediction_type": PREDICTIONS[prediction],
        "modelspec.trigger_phrase": request.trigger or None,
        RECIPE: recipe(request),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def hashed(tensors: Mapping[str, Tensor], told: Mapping[str, str]) -> dict[str, str]:
    """Metadata with the hashes by which tools know these weights, whatever else becomes of the header: of what follows it, and the older one of 64 KiB of a
    file that has nothing but kohya's own metadata."""
    data = memoryview(save(dict(tensors), {name: text for name, text in told.items() if name.startswith("ss_")}))
    weights = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()
    legacy = hashlib.sha256(data[old_hashes.START : old_hashes.START + old_hashes.LENGTH]).hexdigest()[:8]
    return {**told, "sshs_model_hash": weights, "sshs_legacy_hash": legacy, "modelspec.hash_sha256": f"0x{weights}"}


def _epochs(order: Order, steps: int, size: int) -> int:
    """How often the own pictures were begun with."""
    return -(-order.before(steps, size)[0] // max(1, order.own))


def _tags(entries: Sequence[Entry], trigger: str) -> dict[str, int]:
    """The most frequent parts between commas, with the number of captions that have them."""
    words: Counter[str] = Counter()
    for entry in entries:
        words.update(list(dict.fromkeys(part.strip() for part in caption_of(entry, trigger).split(",") if part.strip())))
    return dict(words.most_common(TAGS))


def _folders(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    counts = Counter(entry.path.parent.name for entry in entries)
    return {name: {"n_repeats": 1, "img_count": count} for name, count in counts.items()}


def _buckets(entries: Sequence[Entry], views: Views) -> dict[str, object]:
    """How many pictures are trained in which shape, and how far their own aspect ratios are from those, on the average."""
    counts: Counter[tuple[int, int]] = Counter()
    apart = 0.0
    for entry in entries:
        seen, (width, height) = views.of(entry, None), views.size(entry)
        counts[seen.size] += 1
        apart += abs(width / height - seen.size[0] / seen.size[1]) / len(entries)
    rows = {str(number): {"resolution": list(shape), "count": count} for number, (shape, count) in enumerate(sorted(counts.items()))}
    return {"buckets": rows, "mean_img_ar_error": round(apart, 6)}


def recipe(request: TrainingRequest) -> str:
    """The request as JSON, with folders by their names alone."""
    private = replace(
        request,
        data=replace(request.data, folder=PurePath(request.data.folder).name),
        prior=replace(request.prior, folder=PurePath(request.prior.folder).name),
        resume=False,
    )
    return json.dumps({"easel": __version__, "request": to_dict(private)}, ensure_ascii=False)
