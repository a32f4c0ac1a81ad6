"""A process that has torch loaded and forks a run for each line it is told, which it may kill after a while. For `test_kill`.

A line: {"what": "loop" or "trainer", "place": a folder, "name": of the run, "after": seconds until the kill, or null}. An answer: {"ended": ..., "seconds": ...}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.core.training import Learning, Watching
from modules.training import loop
from modules.training.runs import RECIPE as BEGUN
from tests.training import toy
from tests.training.conftest import engine_in, training

RECIPE = replace(toy.recipe(steps=210), learning=Learning(rate=0.01, ema=0.9), watching=Watching(measure_every=50, save_every=3, sample_every=0))
WISH: dict[str, Any] = {
    "trigger": "thing",
    "steps": 6,
    "watching__save_every": 1,
    "watching__sample_every": 3,
    "watching__steps": 1,
    "watching__prompts": ["thing"],
}


def go_on(what: str, place: Path, name: str) -> None:
    """To the end, from wherever the run is."""
    if what == "loop":
        loop.run(toy.Mapping(), toy.Numbers(), replace(RECIPE, resume=True), loop.Run(place / name))
    elif not result(place, name).exists():
        begun = (place / "training" / name / BEGUN).exists()
        training(engine_in(place), place)(name=name, resume=begun, **WISH)


def result(place: Path, name: str) -> Path:
    return place / "models" / "Lora" / f"{name}.safetensors"


def forked(told: dict[str, Any]) -> dict[str, Any]:
    child = os.fork()
    if not child:
        code = 1
        try:
            go_on(told["what"], Path(told["place"]), told["name"])
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    began = time.monotonic()
    while told["after"] is not None and time.monotonic() < began + told["after"]:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.001)
    if told["after"] is not None:
        os.kill(child, signal.SIGKILL)  # it is not waited for yet, so the number is still its own
    _, status = os.waitpid(child, 0)
    ended = "killed" if os.WIFSIGNALED(status) else "done" if status == 0 else f"failed {status}"
    return {"ended": ended, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    loop.run(toy.Mapping(), toy.Numbers(), replace(RECIPE, steps=2), loop.Run(Path(sys.argv[1])))  # what is loaded late is loaded before the forks
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)
