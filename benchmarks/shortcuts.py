# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""What shortcuts cost in likeness and save in work, on the starter model. Run: python benchmarks/shortcuts.py [--prompts N] [--write]

Each prompt is drawn plainly and with each shortcut, from the same seed. Said of each: the mean PSNR of its pictures beside the plain ones, and the share of the
plain runs' processor time, taken by turns. Token merging is not among them: the starter has no attention at full size, so it does nothing there. Between two plain pictures of neighbouring seeds the PSNR is that of two different pictures: the last row.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

import argparse
import io
import statistics
import tempfile
import time
from typing import Any

import numpy as np
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import STARTER, Library
from modules.core.blobs import Blobs
from modules.core.options import DeviceOptions
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.save import Outputs

PROMPTS = (
    "a panda on a teal background", "a car on a red background", "a cat face in a meadow", "a rocket under a night sky", "a rose on a white background",
    "a small frog on a pink background", "a penguin in the snow", "a guitar above a mushroom", "a crab on a beach", "a house in the top left corner",
)  # fmt: skip
START = {"sampler": "DPM++ 2M", "schedule": "Karras", "steps": 20, "cfg_scale": 5.0, "width": 128, "height": 128}
WAYS: dict[str, dict[str, Any]] = {
    "DeepCache interval 2": {"shortcuts.deep_steps": 2},
    "DeepCache interval 3": {"shortcuts.deep_steps": 3},
    "DeepCache interval 5": {"shortcuts.deep_steps": 5},
    "Guidance to noise level 0.5": {"guidance.interval_low": 0.5},
    "Guidance to noise level 1.5": {"guidance.interval_low": 1.5},
    "Guidance from noise level 10": {"guidance.interval_high": 10.0},
    "NGMS 1.5": {"guidance.min_sigma": 1.5},
    "another seed": {"seed": 8},
}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    square = float(np.mean((one.astype(float) - other.astype(float)) ** 2))
    return 10 * float(np.log10(255**2 / square)) if square else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS), help="how many")
    parser.add_argument("--write", action="store_true", help="writes benchmarks/results/shortcuts.md")
    found = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        place = Path(data)
        library = Library(Paths(data=place, models=STARTER.parent, checkpoints=(STARTER.parent,)), HashCache(place / "hashes.db"))
        engine = Engine(library, Outputs(place / "outputs"), Blobs(place / "inputs"), DeviceOptions(device="cpu", threads=1))
        base = with_values(GenerationRequest(model="easel-starter", seed=7), START)

        def drawn(prompt: str, values: dict[str, Any]) -> tuple[np.ndarray, float]:
            began = time.process_time()
            result = engine.run(with_values(base, {"prompt": prompt, **values}), lambda event: None, lambda: Cancel.NONE, False)
            return np.asarray(Image.open(io.BytesIO(result.pictures[0].data)).convert("RGB")), time.process_time() - began

        drawn(PROMPTS[0], {"steps": 2})
        near: dict[str, list[float]] = {name: [] for name in WAYS}
        share: dict[str, list[float]] = {name: [] for name in WAYS}
        for prompt in PROMPTS[: found.prompts]:
            for name, values in WAYS.items():
                plain, whole = drawn(prompt, {})
                picture, part = drawn(prompt, values)
                near[name].append(psnr(picture, plain))
                share[name].append(part / whole)
    rows = [f"| {name} | {statistics.mean(near[name]):.1f} dB | {min(near[name]):.1f} dB | {statistics.median(share[name]):.2f} |" for name in WAYS]
    told = "\n".join(["| shortcut | mean PSNR | lowest | processor time |", "| --- | --- | --- | --- |", *rows])
    print(told)
    if found.write:
        said = f"# Shortcuts on the starter model\n\nThe starter model, {START['width']} x {START['height']}, {START['steps']} steps of {START['sampler']} {START['schedule']}, {found.prompts} prompts, one CPU thread. Made by `python benchmarks/shortcuts.py --write`.\n\n{told}\n\nToken merging is not among them: the starter has no attention at full size, so it does nothing there. PSNR of about what another seed has means another picture.\n"
        (PROJECT / "benchmarks" / "results" / "shortcuts.md").write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
