"""`train starter`: the model that comes with Easel, from public pictures to weights; and `--make-data`, which makes those pictures' package. A process of its own learns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.generate import INTERRUPTED
from modules.cli.parser import BadWords, Parser
from modules.core.paths import PROJECT
from modules.training.starter import package
from modules.training.starter.presets import PRESETS

LEFT = 3
"""What the process answers that left off before the end."""
MOST_MINUTES = 60 * 24 * 30
MOST_PROCESSES = 256


def run(words: Sequence[str]) -> int:
    parser = Parser(
        "train starter", "Makes the starter model: autoencoder, text encoder and UNet from nothing. The same command again goes on where it was left."
    )
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu", help="cpu: 128 pixels, fewer things; gpu: 256 pixels, all of them")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="N", help="leave off after so many, with a checkpoint to go on from; 0: to the end")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="of checkpoints, curves and samples; usual is training/easel-starter")
    parser.add_argument("--data", type=Path, default=package.PACKAGE, metavar="FILE", help="a data package, or a folder of cut-outs named by what they show")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the model goes; usual is easel-starter in the run's folder")
    parser.add_argument("--processes", type=int, metavar="N", help="that draw scenes beside the one that learns; usual is 0, for a GPU all cores but two")
    parser.add_argument("--pieces", action="store_true", help="keep the checkpoint in pieces of at most 16 MiB, too, and go on from such pieces")
    parser.add_argument("--make-data", type=Path, metavar="TARBALL", help=f"only make the data package, from {package.TARBALL} of the npm registry")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    options = options_of(found)
    processes = found.processes if found.processes is not None else max(0, (os.cpu_count() or 1) - 2) if found.preset == "gpu" else 0
    if not 0 <= found.minutes <= MOST_MINUTES or not 0 <= processes <= MOST_PROCESSES:
        raise BadWords(f"--minutes goes from 0 to {MOST_MINUTES}, --processes from 0 to {MOST_PROCESSES}.")
    if found.make_data:
        return made(found.make_data, found.data)
    package.read(found.data, PRESETS[found.preset].objects)  # refused before torch is loaded
    folder = found.run or options.paths.training / "easel-starter"
    device = options.device.device
    told = {
        "preset": found.preset, "minutes": str(found.minutes), "run": str(folder.absolute()), "data": str(found.data.absolute()),
        "name": str((found.out or folder / "easel-starter").absolute()), "processes": str(processes), "pieces": "yes" if found.pieces else "",
        "device": device if device != "auto" else "cuda" if found.preset == "gpu" else "cpu", "threads": str(options.device.threads),
    }  # fmt: skip
    return learnt(told)


def made(tarball: Path, target: Path) -> int:
    digest = package.make(tarball, target)
    print(f"{target} ({target.stat().st_size:,} bytes, sha256 {digest})", flush=True)
    if digest != package.SHA256:
        print("note: This is another package than the one that Easel's own starter model is made from.", file=sys.stderr, flush=True)
    return 0


def learnt(told: dict[str, str]) -> int:
    """Ctrl+C reaches the other process, which leaves off by itself; an order to end is handed on. Here it is waited for."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-m", "modules.training.starter", json.dumps(told)], cwd=PROJECT)
    ending = signal.signal(signal.SIGTERM, lambda number, frame: child.terminate())
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, ending)
    return INTERRUPTED if code == LEFT else code
