"""How long threads should look for work before they sleep: one call of a UNet on all cores, by turns with different counts, alone and beside other load.
Run: python benchmarks/threads.py [--rounds N] [--counts 0 1000 10000 100000] [--loads 0 2 6]

Each count is a process of its own, because OpenMP reads its environment once. Load: processes that count and do nothing else. What counts is the ratio to 0, where threads
sleep at once, of the same load. The network is one of the starter's shapes with random weights: its operations are small, so it waits most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CALLS = 20
CALL = f"""
import statistics, time, torch
from modules.networks import fresh
from modules.training.starter.presets import PRESETS

preset = PRESETS["cpu"]
unet = fresh.unet(preset.unet_config(), 1).eval()
x, times, context = torch.randn(2, 4, 16, 16), torch.tensor([5.0, 5.0]), torch.randn(2, 77, preset.text[0])
taken = []
with torch.inference_mode():
    for _ in range({CALLS} + 2):
        began = time.perf_counter()
        unet(x, times, encoder_hidden_states=context)
        taken.append(time.perf_counter() - began)
print(statistics.median(taken[2:]) * 1000)
"""


def milliseconds(count: int) -> float:
    """Of one call, the median, in a process whose threads look for work so often."""
    said = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(count), "PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1"}
    return float(subprocess.run([sys.executable, "-c", CALL], env=said, cwd=PROJECT, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 1000, 10_000, 100_000])
    parser.add_argument("--loads", type=int, nargs="+", default=[0, 2, 6])
    given = parser.parse_args()
    print(f"| other load, on {os.cpu_count()} cores | {' | '.join(f'{count:,}' for count in given.counts)} |\n| --- |{' ---: |' * len(given.counts)}")
    for load in given.loads:
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load)]
        try:
            turns = [[milliseconds(count) for count in given.counts] for _ in range(given.rounds)]
        finally:
            for one in busy:
                one.kill()
                one.wait()
        middles = [statistics.median(column) for column in zip(*turns, strict=True)]
        print(f"| {load} | {' | '.join(f'{one:.1f} ms ({one / middles[0]:.2f})' for one in middles)} |", flush=True)


if __name__ == "__main__":
    main()
