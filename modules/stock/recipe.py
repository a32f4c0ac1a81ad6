"""What a merged checkpoint says of its making, under AUTOMATIC1111's keys, and the name that it gives it. Knows no tensor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modules.catalog import old_hashes
from modules.catalog.card import Card
from modules.networks.merge import Mix
from modules.stock.rows import whole

RECIPE, MODELS = "sd_merge_recipe", "sd_merge_models"
KEPT = ("modelspec.architecture", "modelspec.prediction_type")
"""What of A's own metadata is true of the result, too: by it the result is recognised."""
LARGEST = 2**20
"""Characters of the models' own recipes that are taken along."""


def name_of(mix: Mix, names: Sequence[str], variant: str = "") -> str:
    """A1111's name: `0.7(A) + 0.3(B)`, `A + 0.3(B - C)`. variant: of A; "inpainting" and "pix2pix" stand behind it."""
    m = f"{round(mix.multiplier, 2):g}"
    rest = f"{round(1 - mix.multiplier, 2):g}"
    if mix.method == "Weighted sum":
        name = f"{rest}({names[0]}) + {m}({names[1]})"
    elif mix.method == "Add difference":
        name = f"{names[0]} + {m}({names[1]} - {names[2]})"
    else:
        name = names[0]
    return name + {"inpainting": ".inpainting", "pix2pix": ".instruct-pix2pix"}.get(variant, "")


def metadata_of(mix: Mix, cards: Sequence[Card], vae: Card | None, custom_name: str = "") -> dict[str, str]:
    """cards: A, B, C as far as they are used, with their hashes."""
    hashes = [*(card.sha256 for card in cards), None, None]
    recipe = {
        "type": "webui",
        "primary_model_hash": hashes[0],
        "secondary_model_hash": hashes[1],
        "tertiary_model_hash": hashes[2],
        "interp_method": mix.method,
        "multiplier": mix.multiplier,
        "save_as_half": mix.precision == "fp16",
        "custom_name": custom_name or None,
        "config_source": 1,
        "bake_in_vae": vae.path.name if vae else "None",
        "discard_weights": "",
        "is_inpainting": cards[0].variant == "inpainting",
        "is_instruct_pix2pix": cards[0].variant == "pix2pix",
    }
    models: dict[str, Any] = {}
    for card in cards:
        told = whole(card)
        models |= _table(told.get(MODELS, ""))
        own = _table(told.get(RECIPE, "")) or None
        models[card.sha256] = {"name": card.path.name, "legacy_hash": old_hashes.autov1(card.path), RECIPE: own}
    kept = {key: cards[0].metadata[key] for key in KEPT if key in cards[0].metadata}
    return {"format": "pt", **kept, RECIPE: json.dumps(recipe), MODELS: json.dumps(models)}


def _table(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text and len(text) <= LARGEST else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}
