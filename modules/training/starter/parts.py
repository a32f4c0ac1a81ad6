"""What a run was computed on and for how long, part by part: lines of JSON in the run's folder, and the sentence of them that stands on the card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from modules.core.files import replace
from modules.training.curve import rows
from modules.training.starter.stages import AUTOENCODER, DENOISER

NAME = "parts.jsonl"


def device_of(device: str) -> str:
    """In words."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else _threads(torch.get_num_threads()) if device == "cpu" else device


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'} of a processor"


def note(folder: Path, device: str, seconds: float) -> None:
    """A part has ended. Raises OutputTrouble."""
    done = {what: max((row["step"] for row in rows(folder / what / "curve.jsonl")), default=0) for what in (AUTOENCODER, DENOISER)}
    path = folder / NAME
    before = path.read_bytes() if path.is_file() else b""
    replace(path, before + json.dumps({"device": device_of(device), "seconds": round(seconds), "steps": done}).encode() + b"\n")


def parts(folder: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in (folder / NAME).read_text("utf-8").splitlines()]
    except (OSError, ValueError):
        return []


def told(found: Sequence[Mapping[str, Any]]) -> str:
    """ "Computed on 2 threads of a processor in 3 parts of 94 minutes together." """
    if not found:
        return ""
    devices = " and ".join(dict.fromkeys(str(one["device"]) for one in found))
    minutes = sum(float(one["seconds"]) for one in found) / 60
    return f"Computed on {devices}, in {len(found)} {'part' if len(found) == 1 else 'parts'}, {minutes:.0f} minutes together."
