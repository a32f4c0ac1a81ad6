"""What a queue of jobs costs beside the networks: saving, previews, prompts, batches. Run: python benchmarks/jobs.py [--jobs N] [--quads N] [--only NAME]

The model is `loop.py`'s medium one. Pairs are drawn by turns in one process, A B B A, and between them null pairs of B beside B, where all that differs is chance.

queue     N jobs of one picture each, with everything a user's job has (history, progress, previews, PNG with its texts, safe on the disk), beside as many
          pictures of a plain diffusers pipeline that are thrown away. Throughput of ours over theirs; the goal is 0.97.
batch     four pictures evaluated at once (`batched`) over four evaluated one by one; the goal is 0.97.
preview   the share of a picture's time that previews take, by the linear map (0.5 %) and by TAESD (3 %), with the page's settings.
prompt    calls of the text encoder, and milliseconds in it, for a prompt that another job had.
switch    from one checkpoint to another and back: the switch back over the first one; the goal is 0.10.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import loop  # sets the environment of the libraries
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from modules.core.options import Looks
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.features.watch import Pace
from modules.jobs.worker import Worker

Work = Callable[[], object]
BASE = replace(loop.REQUESTS["medium"], steps=10)


def timed(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratios(quads: int, first: Work, second: Work, null: Work) -> tuple[list[float], list[float]]:
    """Seconds of first over second, and of second over null, a ratio for each A B B A; a first turn warms up and is not counted."""
    real, nulls = [], []
    for number in range(quads + 1):
        for found, one, other in ((real, first, second), (nulls, second, null)):
            a, b, c, d = (timed(work) for work in (one, other, other, one))
            if number:
                found.append((a + d) / (b + c))
    return real, nulls


def said(name: str, real: list[float], nulls: list[float], goal: float, inverse: bool = False) -> None:
    value, null = statistics.median(real), statistics.median(nulls)
    real, nulls = sorted(real), sorted(nulls)
    slack = max(abs(one - 1) for one in nulls)
    value, low, high = (1 / value, 1 / real[-1], 1 / real[0]) if inverse else (value, real[0], real[-1])
    holds = value >= goal - slack if inverse else value <= goal + slack
    print(f"{name}: {value:.4f} ({low:.4f} to {high:.4f}), goal {goal}; null pair {null:.4f} ({nulls[0]:.4f} to {nulls[-1]:.4f}): {verdict(holds)}", flush=True)


def verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"


def queue(ours: loop.Ours, theirs: loop.Theirs, again: loop.Theirs, jobs: int, quads: int) -> None:
    ours.engine.looks = lambda: Looks(preview_interval=1.0, preview_side=384)
    worker = Worker(ours.queue, lambda: ours.engine)
    worker.start()

    def queued() -> None:
        tickets = [ours.queue.submit(replace(ours.request, seed=seed), save=True) for seed in range(jobs)]
        assert all(ticket.result().pictures[0].path for ticket in tickets)

    def bare(pipeline: loop.Theirs) -> None:
        for _ in range(jobs):
            pipeline.image()

    said(f"queue: {jobs} jobs, throughput over bare", *ratios(quads, queued, partial(bare, theirs), partial(bare, again)), 0.97, inverse=True)

    def computed(work: Work) -> float:
        """Processor time of the thread that draws; where others use the machine, it says more."""
        clock = (lambda: worker.ask(lambda runner: time.thread_time()).result()) if work is queued else time.thread_time
        began = clock()
        work()
        return clock() - began

    found = [computed(work) for _ in range(quads) for work in (queued, partial(bare, theirs), partial(bare, theirs), queued)]
    ours_took, theirs_took = sum(found[0::4]) + sum(found[3::4]), sum(found[1::4]) + sum(found[2::4])
    print(f"queue: the drawing thread's processor time, bare over {jobs} jobs: {theirs_took / ours_took:.4f}", flush=True)
    worker.stop()


def batch(ours: loop.Ours, quads: int) -> None:
    def four(batched: bool) -> None:
        run(ours, replace(ours.request, batch_size=4, batched=batched))

    said("batch: four at once over four singles", *ratios(quads, partial(four, True), partial(four, False), partial(four, False)), 0.97)


def preview(ours: loop.Ours, models: Path, quads: int) -> None:
    spent: list[float] = []
    pace_spent = Pace.spent

    def counted(pace: Pace, seconds: float, decoded: bool = False) -> None:
        spent.append(seconds)
        pace_spent(pace, seconds, decoded)

    ours.engine.looks = lambda: Looks(preview_interval=1.0, preview_side=384)
    with patch.object(Pace, "spent", counted):
        for name, goal in (("linear map", 0.005), ("TAESD", 0.03)):
            if name == "TAESD":
                layers = {key.removeprefix("decoder."): one for key, one in AutoencoderTiny().state_dict().items() if key.startswith("decoder.")}
                (models / "VAE-approx").mkdir(exist_ok=True)
                save_file({f"decoder.{key}": one.contiguous() for key, one in layers.items()}, models / "VAE-approx" / "taesd_decoder.safetensors")
                ours.library.refresh()
            shares = []
            for _ in range(quads):
                spent.clear()
                whole = timed(partial(run, ours, replace(ours.request, steps=100)))
                shares.append(sum(spent) / whole)
            share = statistics.median(shares)
            print(f"preview by {name}: {share:.3%} of the time ({min(shares):.3%} to {max(shares):.3%}), goal {goal:.1%}: {verdict(share <= goal)}", flush=True)


@contextmanager
def watched(module: torch.nn.Module) -> Iterator[list[float]]:
    """Seconds of each call."""
    calls: list[float] = []
    began = 0.0

    def begin(*_: object) -> None:
        nonlocal began
        began = time.perf_counter()

    hooks = module.register_forward_pre_hook(begin), module.register_forward_hook(lambda *_: calls.append(time.perf_counter() - began))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def prompt(ours: loop.Ours) -> None:
    ours.engine.readings.clear()
    for name, wish in (("new", ours.request), ("known", replace(ours.request, seed=8, steps=11))):
        with watched(ours.model.parts["text_encoder"]) as calls:
            run(ours, wish)
        print(f"prompt, {name}: {len(calls)} calls of the text encoder, {sum(calls) * 1000:.1f} ms", flush=True)


def switch(ours: loop.Ours, models: Path, rounds: int) -> None:
    loop.medium(models / "other")
    ours.library.refresh()
    shelf, ratios_found = ours.engine.shelf, []
    cards = [shelf.hashed(shelf.checkpoint(name)) for name in ("other", "medium")]
    for _ in range(rounds):
        ours.engine.models.unload()
        cold, back = (sum(timed(partial(ours.engine.models.load, card, "fp32")) for card in cards) for _ in range(2))
        ratios_found.append(back / cold)
    found = statistics.median(ratios_found)
    print(f"switch back over cold: {found:.5f}, goal 0.10: {verdict(found <= 0.10)}", flush=True)


def run(ours: loop.Ours, request: GenerationRequest) -> None:
    assert ours.engine.run(request, lambda event: None, lambda: Cancel.NONE, False).pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=25, help="jobs of a turn; two turns are a side of a pair")
    parser.add_argument("--quads", type=int, default=3, help="of each pair")
    parser.add_argument("--only", choices=["queue", "batch", "preview", "prompt", "switch"], action="append")
    found = parser.parse_args()
    torch.set_num_threads(1)
    wanted = found.only or ["prompt", "switch", "preview", "batch", "queue"]
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, one thread of torch {torch.__version__}, {BASE.steps} steps at {BASE.width} x {BASE.height}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        models = loop.medium(Path(data) / "models" / "medium").parent
        ours = loop.Ours(models, Path(data), "medium", BASE)
        if "prompt" in wanted:
            prompt(ours)
        if "preview" in wanted:
            preview(ours, models, found.quads)
        if "batch" in wanted:
            batch(ours, found.quads)
        if "queue" in wanted:
            tokenizer = models / "medium" / "tokenizer"
            queue(ours, loop.Theirs(ours, tokenizer), loop.Theirs(ours, tokenizer), found.jobs, found.quads)
        if "switch" in wanted:
            switch(ours, models, found.quads)
        ours.queue.close()


if __name__ == "__main__":
    main()
