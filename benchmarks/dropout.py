# ruff: noqa: E402  (the number of threads is read when torch is imported)
"""Does it matter that captions are dropped now and then while a model learns? Run: python benchmarks/dropout.py [--write]

A small network (tests/training/points.py) learns four places from captions of which 45 % are drawn by lot, through the package's own task, objective and loop, once with a fifth
of the captions dropped and once with none, both from the same beginnings; then it draws 200 points for each caption at several CFG scales, with the package's own guidance. What
is counted: points that lie nearest to the place which the caption means. Guidance pulls away from what the model answers without a text; only one that was shown pictures without
one knows what that is (Ho & Salimans 2022). Without, it is left to chance what that answer is: one beginning gains nearly as much, another loses. So what is claimed is of all
beginnings together: with dropped captions guidance gains on each of them, and more on the average. tests/training/test_guidance.py holds that on three. Same seeds, same numbers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
from statistics import mean

import torch

from tests.training.points import learnt, right

SCALES = (1.0, 2.0, 3.0, 5.0)
SEEDS = range(1, 9)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--write", action="store_true", help="into benchmarks/results/dropout.md")
    options = asked.parse_args()
    torch.set_num_threads(1)
    lines = ["| captions dropped | seed | " + " | ".join(f"CFG {scale:g}" for scale in SCALES) + " |", "| --- | --- |" + " --- |" * len(SCALES)]
    gained: dict[float, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for dropout in (0.2, 0.0):
            for seed in SEEDS:
                network = learnt(dropout, Path(temporary) / f"{dropout}-{seed}", seed)
                found = [right(network, scale) for scale in SCALES]
                gained.setdefault(dropout, []).append(found[-1] - found[0])
                lines.append(f"| {dropout:.0%} | {seed} | " + " | ".join(f"{share:.1%}" for share in found) + " |")
                print(lines[-1], flush=True)
    lines += ["", f"| captions dropped | gained from CFG {SCALES[0]:g} to {SCALES[-1]:g}, mean | least | most |", "| --- | --- | --- | --- |"]
    lines += [f"| {dropout:.0%} | {mean(some):+.1%} | {min(some):+.1%} | {max(some):+.1%} |" for dropout, some in gained.items()]
    print("\n".join(lines[-2:]), flush=True)
    if options.write:
        text = f"# Dropped captions\n\n{(__doc__ or '').strip()}\n\nPoints at the place that their caption means, of 800; by chance it would be a quarter. torch {torch.__version__}\n\n"
        (PROJECT / "benchmarks" / "results" / "dropout.md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
