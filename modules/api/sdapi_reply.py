"""Our results in A1111's words: the answer of txt2img, once it is made."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from modules import __version__
from modules.api.sdapi_request import Wish
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Result
from modules.infotext.grammar import split, values
from modules.infotext.write import FIRST
from modules.prompt.grammar import strip_comments

STANDARD = frozenset({*FIRST, "Size-1", "Size-2", "Seed resize from-1", "Seed resize from-2", "Version", "User"} - {"Schedule type"})
"""Keys of every infotext (parity rule 8); what else is written counts as `extra_generation_params`."""


def answer_of(result: Result, wish: Wish) -> dict[str, Any]:
    """images: base64 of the files as they are or would be saved, texts and all. info: a JSON text, as A1111 has it."""
    images = [base64.b64encode(picture.data).decode() for picture in result.pictures] if wish.send else []
    return {"images": images, "parameters": dict(wish.echo), "info": json.dumps(_info(result, wish), ensure_ascii=False)}


def _info(result: Result, wish: Wish) -> dict[str, Any]:
    request = result.request
    each = [single(request, index) for index in range(request.pictures)]
    prompt, negative = _shown(request, request.prompt), _shown(request, request.negative_prompt)
    infotexts = [picture.infotext for picture in result.pictures]
    return {
        "prompt": prompt,
        "all_prompts": [prompt] * len(each),
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * len(each),
        "seed": request.seed,
        "all_seeds": [one.seed for one in each],
        "subseed": request.variation.seed,
        "all_subseeds": [one.variation.seed if request.variation.seed >= 0 else -1 for one in each],
        "subseed_strength": request.variation.strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": request.model,
        "sd_model_hash": request.model_hash[:10],
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": request.variation.width or -1,
        "seed_resize_from_h": request.variation.height or -1,
        "denoising_strength": wish.echo["denoising_strength"],
        "extra_generation_params": extras(infotexts[0]) if infotexts else {},
        "index_of_first_image": 0,
        "infotexts": infotexts,
        "styles": [],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
        "clip_skip": request.text.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": f"Easel {__version__}",
        "notes": list(result.notes),
        "interrupted": result.cancelled is Cancel.STOP,
    }


def _shown(request: GenerationRequest, prompt: str) -> str:
    return strip_comments(prompt) if request.text.comments else prompt


def extras(infotext: str) -> dict[str, Any]:
    """What an infotext says beyond the standard keys, numbers and truth values as such."""
    written = values(split(infotext)[2])
    return {key: _plain(value) for key, value in written.items() if key not in STANDARD and (key, value) != ("Schedule type", "Automatic")}


def _plain(value: Any) -> Any:
    if value in ("True", "False"):
        return value == "True"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if str(value).lstrip("-").isdigit() else number
