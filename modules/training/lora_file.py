"""A trained LoRA as a file that every program reads: kohya's names, its `ss_*` metadata and the hub's modelspec, and Easel's own recipe beside them.

No path of the user's machine goes into a file, only the folder's name. Sources: kohya's sd-scripts (names of the metadata), Stability's modelspec 1.0.0.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from modules import __version__
from modules.catalog.card import Card
from modules.core.params import to_dict
from modules.core.training import TrainingRequest
from modules.training.dataset import Entry

BASES = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0", "sdxl-refiner": "sdxl_refiner_v1-0"}
ARCHITECTURES = {
    "sd1": "stable-diffusion-v1",
    "sd2": "stable-diffusion-v2",
    "sdxl": "stable-diffusion-xl-v1-base",
    "sdxl-refiner": "stable-diffusion-xl-v1-refiner",
}
PREDICTIONS = {"eps": "epsilon", "v": "v", "x0": "sample", "flow": "flow"}
RECIPE = "easel.training"


def metadata(
    request: TrainingRequest, card: Card, prediction: str, native: int, steps: int, captions: Sequence[str], entries: Sequence[Entry]
) -> dict[str, str]:
    """steps: that were done. captions: as they were trained with. entries: the pictures."""
    learning, loss = request.learning, request.loss
    words: Counter[str] = Counter()
    for caption in captions:
        words.update({part.strip() for part in caption.split(",") if part.strip()})
    told: dict[str, object] = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": request.adapter.rank,
        "ss_network_alpha": request.adapter.alpha,
        "ss_output_name": request.name,
        "ss_base_model_version": BASES.get(card.family, card.family),
        "ss_v2": card.family == "sd2",
        "ss_v_parameterization": prediction == "v",
        "ss_sd_model_name": card.path.name,
        "ss_new_sd_model_hash": card.sha256,
        "ss_steps": steps,
        "ss_max_train_steps": request.steps,
        "ss_learning_rate": learning.rate,
        "ss_unet_lr": learning.rate,
        "ss_text_encoder_lr": (learning.text_rate or learning.rate) if request.adapter.text_encoder else 0.0,
        "ss_lr_scheduler": learning.curve,
        "ss_lr_warmup_steps": round(learning.warmup * request.steps),
        "ss_optimizer": learning.optimizer,
        "ss_max_grad_norm": learning.clip,
        "ss_seed": request.seed,
        "ss_total_batch_size": request.batch * request.accumulation,
        "ss_batch_size_per_device": request.batch,
        "ss_gradient_accumulation_steps": request.accumulation,
        "ss_gradient_checkpointing": request.checkpointing,
        "ss_mixed_precision": request.mixed,
        "ss_num_train_images": len(entries),
        "ss_num_reg_images": sum(entry.prior for entry in entries),
        "ss_prior_loss_weight": request.prior.weight,
        "ss_noise_offset": loss.noise_offset or None,
        "ss_min_snr_gamma": loss.min_snr or None,
        "ss_caption_dropout_rate": loss.dropout,
        "ss_clip_skip": 1,
        "ss_resolution": f"({request.data.side or native}, {request.data.side or native})",
        "ss_enable_bucket": request.data.buckets,
        "ss_tag_frequency": json.dumps({PurePath(request.data.folder).name: dict(words.most_common(200))}, ensure_ascii=False),
        "ss_training_finished_at": f"{time.time():.0f}",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{ARCHITECTURES.get(card.family, card.family)}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": request.name,
        "modelspec.date": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "modelspec.resolution": f"{request.data.side or native}x{request.data.side or native}",
        "modelspec.prediction_type": PREDICTIONS[prediction],
        "modelspec.trigger_phrase": request.trigger or None,
        RECIPE: recipe(request),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def recipe(request: TrainingRequest) -> str:
    """The request as JSON, with folders by their names alone."""
    private = replace(
        request,
        data=replace(request.data, folder=PurePath(request.data.folder).name),
        prior=replace(request.prior, folder=PurePath(request.prior.folder).name),
        resume=False,
    )
    return json.dumps({"easel": __version__, "request": to_dict(private)}, ensure_ascii=False)
