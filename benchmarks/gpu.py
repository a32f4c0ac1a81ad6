# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""How fast Easel's loop is on a GPU, and how much memory placements take. Run: python benchmarks/gpu.py

Measures SD 1.5, SDXL and FLUX at their true size with random weights in bf16: nothing is downloaded. One command; it stops after nine minutes (--minutes) and keeps
what it has in benchmarks/results/gpu.json, so run it again until it says that nothing is left. gpu.md beside it is the same as a table, with the goals.

it/s    steps in a second: of the whole batch, with the negative prompt where the family has one
share   of what the card does in one large matrix product, measured right before in the same process: the network's operations (counted) in a second over that
time    ours over diffusers' own pipeline without compiling, on the very same network object, by turns (A B B A), median of the quads. Each with its own settings of
        cuDNN: Easel's kernels are the same at every run, diffusers' are those that torch takes by itself
null    the pipeline over a second run of itself, in the same way: how far noise alone goes
compiled   both loops again, with the repeated blocks of the network through torch.compile
memory  SDXL whole (text encoders, UNet, autoencoder): the highest allocation of a picture, and a step's time over the larger of computing it and moving its weights

--tiny measures networks of the same classes that are a few kB large, on a CPU if need be: that shows that this script works, and nothing about a GPU.
That both loops draw the same picture is shown elsewhere (benchmarks/loop.py, tests); here they only have the same work.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")
if "--tiny" in sys.argv:  # work this small is lost between threads
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_memory import PLACEMENTS, memory
from benchmarks.gpu_models import ARCHITECTURES, Bench
from modules.core.options import DeviceOptions
from modules.engine.features.compiling import Compiling
from modules.memory.compiled import Compilations
from modules.memory.device import find

STEPS = {"sd15": 20, "sdxl": 10, "flux": 6}
QUADS = 5
SIZE = 8192
"""Of the matrices whose product is the ceiling."""
UNITS = (*(f"{name} b{count}" for name in ARCHITECTURES for count in (1, 8)), *(f"memory {placement}" for placement in PLACEMENTS))


NO_MECHANISM = """
## What has no mechanism yet

- **Nothing makes the networks themselves faster in the default mode.** They are computed as diffusers computes them; what Easel saves is the host's work beside them.
  Where the card is the slower of the two, that does not show, so nothing stands behind the goals of 0.75, 0.90 and 0.97 of diffusers' time, of 110, 27 and 7.0 it/s
  and of the shares of the ceiling but `--compile` (the rows "compiled"), which is off unless it is asked for. Projections are not fused.
- **No CUDA graphs.** A small network (SD 1.5, one picture) has as many launches as in diffusers; where these take longer than the card's work, nothing shortens them.
- **Determinism is paid for.** Easel keeps cuDNN to kernels that always give the same numbers, and fp32 exact; diffusers is measured with torch's own settings. What
  that costs counts against Easel here, and no option gives it up.
"""
UNSEEN = """- **Nobody saw it on a card**: that no step waits for it is held by `tests/engine/test_counters.py` on a device without memory, not by a profile.
"""


def ceiling(device: str, dtype: torch.dtype, size: int) -> float:
    """Operations in a second of one product of square matrices: the best of several."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    found = []
    for _ in range(8):
        found.append(taken(device, lambda: [a @ b for _ in range(4)]) / 4)
    return 2 * size**3 / min(found)


def taken(device: str, work: Callable[[], Any]) -> float:
    """Seconds until the device is done."""
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def operations(bench: Bench, pictures: int) -> int:
    """Of one step: of the network's calls in it, counted by torch."""
    calls: list[tuple[Any, Any]] = []
    handle = bench.network.register_forward_pre_hook(lambda _, given, named: calls.append((given, named)), with_kwargs=True)
    bench.ours(1, pictures)()
    handle.remove()
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        for given, named in calls:
            bench.network(*given, **named)
    return int(counted.get_total_flops())


def ratio(device: str, one: Callable[[], Any], other: Callable[[], Any], quads: int) -> tuple[float, float, float]:
    """-> (one over other, seconds of one, seconds of the other): medians over quads A B B A, after one that warms up."""
    pairs = []
    for number in range(quads + 1):
        a, b, c, d = (taken(device, work) for work in (one, other, other, one))
        if number:
            pairs.append((a + d, b + c))
    return statistics.median(a / b for a, b in pairs), statistics.median(a for a, _ in pairs) / 2, statistics.median(b for _, b in pairs) / 2


def speed(name: str, pictures: int, device: str, dtype: torch.dtype, small: bool, compiling: bool, quads: int) -> dict[str, Any]:
    bench = Bench(ARCHITECTURES[name], device, dtype, small)
    steps = 2 if small else STEPS[name]
    top = ceiling(device, dtype, 256 if small else SIZE)
    work = operations(bench, pictures)
    ours, theirs, again = bench.ours(steps, pictures), bench.theirs(steps, pictures), bench.theirs(steps, pictures)
    time_, mine, others = ratio(device, ours, theirs, quads)
    null, _, _ = ratio(device, theirs, again, quads)
    found = {
        "ours": {"it/s": steps / mine, "share": work * steps / mine / top},
        "diffusers": {"it/s": steps / others, "share": work * steps / others / top},
        "time": time_, "null": null, "operations": work, "ceiling": top, "steps": steps,
    }  # fmt: skip
    if compiling:
        found |= compiled(bench, steps, pictures, work / top, quads)
    return found


def compiled(bench: Bench, steps: int, pictures: int, least: float, quads: int) -> dict[str, Any]:
    """Both loops with the repeated blocks compiled, as Easel's `--compile` makes them. least: seconds of a step at the ceiling."""
    compilations = Compilations("eager" if bench.small else "inductor")
    feature = Compiling(compilations)
    own = bench.ours(steps, pictures, (feature,))
    blocks = compilations.of(bench.network)
    theirs = bench.theirs(steps, pictures)

    def other() -> Any:
        blocks.begin()
        with blocks.within():
            return theirs()

    with feature.attach(own.model):
        for draw in (own, other):  # the first time plain, and made ready meanwhile
            draw()
            blocks.wait()
            draw()
            blocks.wait()
        if blocks.trouble:
            return {"compiled": {"trouble": blocks.trouble}}
        time_, mine, others = ratio(bench.device, own, other, quads)
    rows = {
        "ours compiled": {"it/s": steps / mine, "share": least * steps / mine},
        "diffusers compiled": {"it/s": steps / others, "share": least * steps / others},
    }
    return {**rows, "time compiled": time_}


def report(kept: dict[str, Any]) -> str:
    """gpu.json as a table for people."""
    machine = kept["machine"]
    lines = ["# On a GPU", ""]
    if not machine["gpu"]:
        lines += [
            "**Not run on a GPU.** No GPU could be had. Rows, where there are any, come from networks of a few kB on a CPU (`--tiny`): they show that the script works, and nothing more.",
            "",
        ]
    lines += [
        f"`python benchmarks/gpu.py`: {machine['device']}, torch {machine['torch']}, {machine['dtype']}, random weights. What the columns mean stands in the script.",
        "",
    ]
    lines += [
        "| model | batch | loop | it/s | share of the ceiling | time over diffusers' | null | goal |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for unit, found in kept["units"].items():
        name, batch = unit.split(" ")
        if name not in ARCHITECTURES:
            continue
        known = ARCHITECTURES[name]
        for loop in ("ours", "diffusers", "ours compiled", "diffusers compiled"):
            if loop not in found:
                continue
            one = found[loop]
            goals = [f"{one['it/s']:.1f} of {known.goals[f'it/s {batch}']:g} it/s" if f"it/s {batch}" in known.goals and loop == "ours" else ""]
            goals += [f"{one['share']:.0%} of {known.goals[f'share {batch}']:.0%}" if f"share {batch}" in known.goals and loop == "ours" else ""]
            goals += [f"{found['time']:.2f} of at most {known.goals['time']:.2f}" if loop == "ours" else ""]
            times = {"ours": f"{found['time']:.3f}", "ours compiled": f"{found.get('time compiled', 0):.3f} (of compiled)"}.get(loop, "")
            null = f"{found['null']:.3f}" if loop == "diffusers" else ""
            told = "; ".join(filter(None, goals)) if machine["gpu"] else ""
            lines.append(f"| {known.title} | {batch[1:]} | {loop} | {one['it/s']:.2f} | {one['share']:.1%} | {times} | {null} | {told} |")
        if "compiled" in found:
            lines.append(f"| {known.title} | {batch[1:]} | compiled | | | | | {found['compiled']['trouble']} |")
    lines += ["", "| SDXL, whole | peak | a step | of max(compute, transfer) | goal |", "| --- | --- | --- | --- | --- |"]
    for unit, found in kept["units"].items():
        if unit.startswith("memory "):
            peak = f"{found['peak'] / 1e9:.2f} GB" if found["peak"] else "a CPU does not tell"
            over = f"{found['over']:.2f}" if found["over"] else ""
            lines.append(f"| {unit.split(' ')[1]} | {peak} | {found['step'] * 1000:.1f} ms | {over} | {PLACEMENTS[unit.split(' ')[1]]} |")
    left = [unit for unit in UNITS if unit not in kept["units"]]
    lines += ["", f"Not measured yet: {', '.join(left)}." if left else "Everything was measured."]
    return "\n".join(lines) + "\n" + NO_MECHANISM + ("" if machine["gpu"] else UNSEEN)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="networks of a few kB; on a CPU too")
    parser.add_argument(
        "--unit", action="append", choices=UNITS, default=[], help="only this; may be given several times. Otherwise all that are not measured yet"
    )
    parser.add_argument("--again", action="store_true", help="measures also what was measured already")
    parser.add_argument("--no-compile", action="store_true", help="leaves torch.compile out")
    parser.add_argument("--quads", type=int, default=QUADS, help="A B B A, so many times")
    parser.add_argument("--minutes", type=float, default=9.0, help="begins nothing new after that")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results", help="folder for gpu.json and gpu.md")
    found = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu and not found.tiny:
        print("No GPU is here, so nothing can be measured. `--tiny --out FOLDER` shows that the script works.", file=sys.stderr)
        return 2
    options = DeviceOptions(device="cuda" if gpu else "cpu")
    machine = find(options)
    device, dtype = machine.device, torch.bfloat16 if gpu else torch.float32
    file = found.out / "gpu.json"
    facts = machine.facts()
    told = {"gpu": gpu and not found.tiny, "device": facts["device"], "torch": facts["torch"], "dtype": str(dtype).removeprefix("torch.")}
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if kept.get("machine") != told:
        kept = {"machine": told, "units": {}}
    began = time.monotonic()
    wanted = [unit for unit in (found.unit or UNITS) if found.again or unit not in kept["units"]]
    for unit in wanted:
        if time.monotonic() - began > found.minutes * 60:
            break
        name, rest = unit.split(" ")
        print(f"{unit} ...", flush=True)
        if name == "memory":
            kept["units"][unit] = memory(rest, machine, dtype, found.tiny, taken, kept["units"].get("memory resident"))
        else:
            kept["units"][unit] = speed(name, int(rest[1:]), device, dtype, found.tiny, not found.no_compile, found.quads)
        gc.collect()
        with torch.cuda.device(device) if gpu else nullcontext():
            torch.cuda.empty_cache()
        kept["units"] = {one: kept["units"][one] for one in UNITS if one in kept["units"]}
        found.out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        (found.out / "gpu.md").write_text(report(kept), encoding="utf-8")
        print(json.dumps(kept["units"][unit]), flush=True)
    left = [unit for unit in wanted if unit not in kept["units"]]
    print(f"left: {', '.join(left)}. Run it again." if left else "nothing is left.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
