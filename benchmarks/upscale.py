"""What a large upscale takes: 1024 x 1024 to 4096 x 4096 pixels through an ESRGAN of the true size (23 blocks, 64 features, random weights), in tiles.
Run: python benchmarks/upscale.py [SIDE] [TILE]

The network is saved and loaded as a user's file is. Peak memory is the process's highest resident set (getrusage) less what it was before the upscale began:
network, picture and libraries are in the "before". Then the work is begun again and stopped in the middle of a tile, and the time until it ends is taken.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.networks import upscalers
from modules.networks.architectures import spandrel

OVERLAP = 32


def picture(side: int) -> Image.Image:
    """Smooth shapes with some noise; what is in it changes neither memory nor time."""
    y, x = np.mgrid[0:side, 0:side] / side
    waves = np.stack([np.sin(9 * x + 3 * y), np.cos(7 * y * x), np.sin(20 * (x - y))], -1)
    noise = np.random.default_rng(0).normal(0, 0.1, waves.shape)
    return Image.fromarray(((waves + noise) * 60 + 128).clip(0, 255).astype(np.uint8))


def peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    side, tile = (int(word) for word in (*sys.argv[1:3], *("1024", "256")[len(sys.argv) - 1 :]))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "4x.safetensors"
        save_file(spandrel.architectures.ESRGAN.ESRGAN(num_filters=64, num_blocks=23, scale=4).state_dict(), file)
        upscaler = upscalers.load(file, "cpu", torch.float32)
    image, before = picture(side), peak()
    print(
        f"{torch.get_num_threads()} threads, torch {torch.__version__}; {upscaler.size / 2**20:.0f} MiB of weights; before: {before / 2**20:.0f} MiB",
        flush=True,
    )
    began = time.perf_counter()

    def done(pieces: int, of: int) -> None:
        print(f"{pieces} of {of}, {time.perf_counter() - began:.0f} s, peak +{(peak() - before) / 2**20:.0f} MiB", flush=True)

    made = upscaler.enlarge(image, tile, OVERLAP, done)
    print(
        f"{image.size} -> {made.size} in {time.perf_counter() - began:.0f} s, peak +{(peak() - before) / 2**20:.0f} MiB, all {peak() / 2**20:.0f} MiB",
        flush=True,
    )
    asked = threading.Event()
    when: list[float] = []

    def ask() -> None:
        when.append(time.perf_counter())
        asked.set()

    def pause() -> None:
        if asked.is_set():
            raise InterruptedError

    timer = threading.Timer(3.0, ask)
    timer.start()
    try:
        upscaler.enlarge(image, tile, OVERLAP, pause=pause)
        print("it was done before it could be stopped")
    except InterruptedError:
        print(f"stopped within the first tile {time.perf_counter() - when[0]:.2f} s after it was asked for")
    timer.cancel()


if __name__ == "__main__":
    main()
