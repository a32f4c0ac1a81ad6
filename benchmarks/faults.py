# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""What becomes of runs in which memory runs short or numbers end. Run: python benchmarks/faults.py [--write] [--places 140]

Tiny networks of the real classes, one thread. First, an out-of-memory error (in turn torch's own, CUDA's, Python's and the CPU allocator's words) out of one
operation of a run, spread over every stage of four requests (LoRA, ControlNet and hires fix by a network; a masked start picture; a batch at once; a picture that
grows), with the model in memory and without. Said of each stage: how many pictures were made all the same, equal to the byte; how many of these said so; how many
next jobs were as ever; and how far the bytes of living tensors were from before, at most. Then the table of numbers that end (`tests/engine/test_not_a_number.py`),
row by row: what the run said, and whether the next job was as ever.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error", EASEL_SHORTAGES="140")

import argparse
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import torch

from modules.core.errors import EaselError
from modules.core.result import Picture
from modules.memory.device import Machine
from tests.engine import control_studio, faults, shortage, test_not_a_number, test_shortage
from tests.engine.shortage import ERRORS, Short, run, wish
from tests.networks import small_faces

RESULT = PROJECT / "benchmarks" / "results" / "faults.md"


@dataclass
class Count:
    """Of one stage. drift: share of the bytes that lived before."""

    injected: int = 0
    made: int = 0
    said: int = 0
    after: int = 0
    drift: float = 0.0


def shortages(places: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        engine = shortage.engine(Path(folder))
        wishes = shortage.everything(engine)
        before = {name: test_shortage.made(engine, wish(values)) for name, values in wishes.items()}
        known = {(name, cold): test_shortage.operations(engine, wishes[name], cold) for name, cold in product(wishes, (False, True))}
        spots = [
            test_shortage.Spot(*which, phase, part)
            for part in test_shortage.PARTS
            for phase in test_shortage.PHASES
            for which in known
            if known[which].get(phase)
        ]
        lived = test_shortage.lives(engine)
        counts: dict[str, Count] = defaultdict(Count)
        for number, spot in enumerate(spots[:places]):
            there, count = known[spot.wish, spot.cold][spot.phase], counts[spot.phase]
            test_shortage.fresh(engine, spot.cold)
            with Short(there[int(spot.part * len(there))], ERRORS[number % len(ERRORS)]) as short:
                try:
                    result = run(engine, wish(wishes[spot.wish]), short.watch)
                    count.made += [picture.data for picture in result.pictures] == before[spot.wish]
                    count.said += spot.phase == "preview" or any(note.startswith("Memory ran short ") for note in result.notes)
                except EaselError as error:
                    print(spot, error, flush=True)
            count.injected += short.raised
            count.after += test_shortage.made(engine, wish(wishes[spot.wish])) == before[spot.wish]
            count.drift = max(count.drift, abs(test_shortage.lives(engine) - lived) / lived)
            print(number + 1, spot, count, flush=True)
    total = Count(*(sum(getattr(one, name) for one in counts.values()) for name in ("injected", "made", "said", "after")))
    total.drift = max(one.drift for one in counts.values())
    lines = ["| stage | injected | picture made, equal | said | next job as ever | tensors off by at most |", "| --- | --- | --- | --- | --- | --- |"]
    for stage, one in [*counts.items(), ("all", total)]:
        lines.append(f"| {stage} | {one.injected} | {one.made} | {one.said} | {one.after} | {100 * one.drift:.2f} % |")
    return [*lines, "", "A preview for which there is no memory ends the run's previews; that is not said beneath the picture."]


def numbers() -> list[str]:
    lines = ["| fault | pictures | what was said | next job as ever |", "| --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        engine = faults.engine(Path(folder))
        mask = control_studio.picture(1).convert("L").point(lambda value: 255 * (value > 100))
        at = test_not_a_number.At(*(control_studio.kept(engine, one) for one in (control_studio.picture(0), mask, small_faces.crowd((20, 30)))))
        usual = test_not_a_number.wish({})
        before = test_not_a_number.drawn(engine, usual)
        for case in test_not_a_number.CASES:
            own = Machine.vae_dtype
            if case.half_vae:
                engine.unload()
                Machine.vae_dtype = lambda machine, precision: torch.float16  # type: ignore[method-assign, assignment]
            seen: list[Picture] = []
            try:
                with faults.spoiling(case.spoilt):
                    result = test_not_a_number.run(engine, test_not_a_number.wish(case.values(at)))
                seen, said = (
                    list(result.pictures),
                    " ".join(note for note in result.notes if "keys applied" not in note) or "nothing: the picture is as without",
                )
            except EaselError as error:
                said = f"error: {error}"
            finally:
                if case.half_vae:
                    engine.unload()
                    Machine.vae_dtype = own  # type: ignore[method-assign]
            black = sum(float(test_not_a_number.pixels(picture).std()) < 1 for picture in seen)
            after = "yes" if test_not_a_number.drawn(engine, usual) == before else "NO"
            lines.append(f"| {case.name} | {len(seen)}{f' ({black} BLACK)' if black else ''} | {said} | {after} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into benchmarks/results/faults.md")
    parser.add_argument("--places", type=int, default=140, help="where memory runs short")
    found = parser.parse_args()
    torch.set_num_threads(1)
    short, ended = shortages(found.places), numbers()
    if found.write:
        text = ["# Runs in which memory runs short or numbers end", "", (__doc__ or "").strip(), "", "## Memory", "", *short, "", "## Numbers", "", *ended]
        RESULT.write_text("\n".join(text) + "\n", "utf-8")


if __name__ == "__main__":
    main()
