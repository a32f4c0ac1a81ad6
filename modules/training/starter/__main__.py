"""`python -m modules.training.starter WORDS`: the process in which the starter model is trained. WORDS: one JSON table, put together by `modules.cli.starter`.

How far it is goes to stderr, a line now and then; the path of what came out to stdout. A signal to end (Ctrl+C) is taken at the next step: a checkpoint is written.
Exit codes: 0 finished, 1 or 2 trouble, 3 left before the end, to be gone on with.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

import torch

from modules.core.errors import EaselError, Unsupported
from modules.core.result import Cancel, Progress
from modules.training.starter import parts
from modules.training.starter.export import export, single_file
from modules.training.starter.package import read
from modules.training.starter.presets import PRESETS
from modules.training.starter.stages import DENOISER, Making

LEFT = 3
PACE = 30.0
"""Seconds between two lines."""


@dataclass
class Teller:
    """Says where a run is, and how long it may take."""

    pace: float = PACE
    _last: float = field(default_factory=lambda: -1e9)
    _began: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        began, first = self._began.setdefault(progress.phase, (now, progress.step))
        if now - self._last < self.pace and progress.step < progress.steps:
            return
        self._last = now
        done = progress.step - first
        left = f", {(progress.steps - progress.step) * (now - began) / done / 60:.0f} minutes left" if done and progress.step < progress.steps else ""
        print(f"{progress.phase}: step {progress.step:,} of {progress.steps:,}, {progress.note}{left}", file=sys.stderr, flush=True)


def main(words: dict[str, str]) -> int:
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stopped.append(number))
    if words["device"].startswith("cuda") and not torch.cuda.is_available():
        raise Unsupported("There is no CUDA device here.", "Choose --preset cpu, or another --device.", "device")
    if threads := int(words["threads"]):
        torch.set_num_threads(threads)
    preset, path, folder = PRESETS[words["preset"]], Path(words["data"]), Path(words["run"])
    package = read(path, preset.objects)
    minutes = float(words["minutes"])
    making = Making(
        preset, package, path, folder, words["device"], int(words["processes"]), Teller(),
        time.monotonic() + minutes * 60 if minutes else float("inf"), lambda: Cancel.STOP if stopped else Cancel.NONE, words["pieces"] == "yes",
    )  # fmt: skip
    began = time.monotonic()
    try:
        weights = making.run()
    finally:
        parts.note(folder, words["device"], time.monotonic() - began)
    if weights is None:
        print(f"Left before the end; the same command goes on. What there is so far is in {folder}.", file=sys.stderr, flush=True)
        return LEFT
    grids = sorted((folder / DENOISER / "samples").glob("*.png"))
    target = Path(words["name"])
    if not target.exists():
        export(weights, preset, package, path, target, story=parts.told(parts.parts(folder)), samples=grids[-1].read_bytes() if grids else b"")
    single = target.with_name(f"{target.name}.safetensors")
    if not single.exists():
        single_file(target, single)
    print(target, flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(json.loads(sys.argv[1])))
    except EaselError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
