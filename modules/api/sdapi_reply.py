"""Our results in A1111's words: the answer of txt2img and img2img, once it is made."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from modules import __version__
from modules.api.sdapi_request import Wish
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Result
from modules.core.saving import Saving
from modules.infotext import files
from modules.infotext.grammar import split, unquote
from modules.infotext.write import FIRST
from modules.prompt.grammar import strip_comments

STANDARD = frozenset({*FIRST, "Version", "User"} - {"Schedule type", "Denoising strength"})
"""Keys of every infotext (parity rule 8); what else is written counts as `extra_generation_params`."""


def answer_of(result: Result, wish: Wish, saving: Saving) -> dict[str, Any]:
    """images: base64 of the files as they are or would be saved, texts and all. info: a JSON text, as A1111 has it. saving: how they are encoded."""
    texts = list(result.infotexts) or [picture.infotext for picture in result.pictures]
    pictures = [picture.data for picture in result.pictures] if wish.send else []
    images = [base64.b64encode(_formatted(data, saving)).decode() for data in pictures]
    info = _info(result, wish, texts, result.first, (*wish.notes, *result.notes))
    return {"images": images, "parameters": dict(wish.echo), "info": json.dumps(info, ensure_ascii=False)}


def _formatted(data: bytes, saving: Saving) -> bytes:
    return files.converted(data, saving.samples_format, saving.jpeg_quality, saving.webp_lossless, saving.enable_pnginfo)


def _info(result: Result, wish: Wish, texts: list[str], first: int, notes: tuple[str, ...]) -> dict[str, Any]:
    request = result.request
    each = _each(result)
    start = each[0] if each else request
    prompts, negatives = [_shown(one, one.prompt) for one in each], [_shown(one, one.negative_prompt) for one in each]
    return {
        "prompt": _shown(start, start.prompt),
        "all_prompts": prompts,
        "negative_prompt": _shown(start, start.negative_prompt),
        "all_negative_prompts": negatives,
        "seed": start.seed,
        "all_seeds": [one.seed for one in each],
        "subseed": start.variation.seed,
        "all_subseeds": [one.variation.seed for one in each],
        "subseed_strength": request.variation.strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size,
        "restore_faces": request.faces.restore,
        "face_restoration_model": request.faces.restorer if request.faces.restore else None,
        "sd_model_name": request.model,
        "sd_model_hash": request.model_hash[:10],
        "sd_vae_name": request.vae if request.vae_hash else None,
        "sd_vae_hash": request.vae_hash[:10] or None,
        "seed_resize_from_w": request.variation.width or -1,
        "seed_resize_from_h": request.variation.height or -1,
        "denoising_strength": wish.echo["denoising_strength"],
        "extra_generation_params": extras(texts[0]) if texts else {},
        "index_of_first_image": first,
        "infotexts": texts,
        "styles": list(wish.request.styles),
        "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
        "clip_skip": request.text.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": f"Easel {__version__}",
        "notes": list(dict.fromkeys(notes)),
        "interrupted": result.cancelled is Cancel.STOP,
    }


def _each(result: Result) -> list[GenerationRequest]:
    """The request of every single picture: of a script those it made, else also those that an interrupt left undone, as A1111 lists them."""
    if result.request.script.name:
        return [picture.request for picture in result.pictures[result.first :]]
    return [single(result.request, index) for index in range(result.request.pictures)]


def _shown(request: GenerationRequest, prompt: str) -> str:
    return strip_comments(prompt) if request.text.comments else prompt


def extras(infotext: str) -> dict[str, Any]:
    """What an infotext says beyond the standard keys, numbers and truth values as such."""
    written = [(key, unquote(value)) for key, value in split(infotext)[2]]
    return {key: _plain(value) for key, value in written if key not in STANDARD and (key, value) != ("Schedule type", "Automatic")}


def _plain(value: Any) -> Any:
    if value in ("True", "False"):
        return value == "True"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if str(value).lstrip("-").isdigit() else number
