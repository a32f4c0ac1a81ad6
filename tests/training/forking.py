"""A process that has torch loaded and forks a run for each line it is told, saying its number and how it ended. For `test_kill`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from modules.core.training import Learning, Watching
from modules.training import loop
from tests.training import toy

RECIPE = replace(toy.recipe(steps=210), learning=Learning(rate=0.01, ema=0.9), watching=Watching(measure_every=50, save_every=3, sample_every=0))


def main(folder: Path) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), replace(RECIPE, steps=2), loop.Run(folder.with_name("warm")))  # what is loaded late is loaded before the forks
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            loop.run(toy.Mapping(), toy.Numbers(), replace(RECIPE, resume=True), loop.Run(folder))
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "done" if status == 0 else f"failed {status}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
