"""Whether a model can be trained as a request wants, on this machine: what its card and the request tell, before anything is loaded or written. No torch."""

from __future__ import annotations

from importlib.util import find_spec

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.training import TrainingRequest
from modules.networks.layout import LAYOUTS
from modules.training import numbers

OTHERS = "Choose a checkpoint of SD 1.x, 2.x or SDXL."


def refuse(request: TrainingRequest, card: Card, device: str) -> None:
    """device: as torch writes it, "" where nobody knows yet. Raises Unsupported."""
    if card.family == "pipeline" or not card.family:
        raise Unsupported(f"{card.name} runs by its own pipeline, and cannot be trained here.", OTHERS, "model")
    if card.family not in LAYOUTS:
        raise Unsupported(f"{card.name} has no UNet; only models that have one can be trained.", OTHERS, "model")
    if card.variant not in ("", "vpred"):
        raise Unsupported(f"{card.name} is a variant ({card.variant}) that cannot be trained here.", "Choose the plain model of its kind.", "model")
    if request.what == "unet" and not card.path.is_dir():
        what = f"{card.name} is a single file; a whole UNet is trained in a folder."
        raise Unsupported(what, f"python launch.py convert {card.path.name} makes a folder of it.", "model")
    if request.learning.optimizer == "AdamW 8-bit":
        why = "bitsandbytes is not installed" if not find_spec("bitsandbytes") else f"it does not run on {device}" if not _cuda(device) else ""
        if why:
            raise Unsupported(f"The 8-bit optimizer cannot be used: {why}.", "Choose AdamW.", "learning.optimizer")
    if device == "cpu" and (not request.resume or request.mixed == "fp16"):
        numbers.settled(request.what, request.precision, request.mixed, half=False, bf16=True, processor=True)


def _cuda(device: str) -> bool:
    """Where it is not known yet, it may be."""
    return not device or device.startswith("cuda")
