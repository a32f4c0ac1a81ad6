"""A saved picture comes back pixel for pixel, by itself, in a new process. EASEL_RERUNS=50 runs the full count."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from modules.app import App
from modules.core.options import Options
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from tests.conftest import Command

COUNT = int(os.environ.get("EASEL_RERUNS", "8"))
PROMPTS = (
    "a panda on a teal background",
    "a (rocket:1.4) under a [night sky:red background:0.5]",
    "a [cat face|dog face] on a pink background",
    "a car AND a house :0.6, on a yellow background",
    "a large rose BREAK on a (black:1.2) background # a comment",
    "a frog, " * 30 + "on an orange background",
    "((a star)) [on] a blue background",
    "",
)


def wishes(count: int) -> list[dict[str, object]]:
    """Random requests: every sampler comes up, then schedules, batches, weights, editing, variation, emphasis, noise sources. And those of diffusers, always."""
    draw = random.Random(20261120)
    samplers = [*SAMPLERS.names()]
    draw.shuffle(samplers)
    found: list[dict[str, object]] = []
    for index in range(count):
        wish: dict[str, object] = {
            "prompt": draw.choice(PROMPTS), "negative_prompt": draw.choice(("", "white", "blurry, (soft:1.3)")), "sampler": samplers[index % len(samplers)],
            "schedule": draw.choice(SCHEDULES.names()), "steps": draw.randint(1, 12), "seed": draw.randrange(2**32), "cfg_scale": draw.choice((1.0, 4.0, 7.5)),
            "width": draw.choice((64, 96, 128)), "height": draw.choice((64, 128, 136)), "batch_size": draw.choice((1, 1, 2)), "count": draw.choice((1, 1, 2)),
            "text.emphasis": draw.choice(("Original", "No norm", "Ignore", "None", "compel")), "text.clip_skip": draw.choice((1, 1, 2)), "noise_source": draw.choice(("CPU", "NV", "GPU")),
        }  # fmt: skip
        if draw.random() < 0.3:
            wish |= {"variation.strength": draw.random(), "variation.seed": draw.randrange(2**31)}
        if draw.random() < 0.2:
            wish |= {"solver.eta": 0.6, "solver.ensd": 31337}
        found.append(wish)
    always = {"steps": 5, "seed": 77, "width": 64, "height": 64, "batch_size": 2}
    found += [{**always, "sampler": record.name} for record in SAMPLERS if record.diffusers]
    return [*found, {**always, "spacing.sigmas": (14.6, 5.5, 2.1, 0.8, 0.3), "prompt": PROMPTS[1], "text.emphasis": "compel"}]


@pytest.fixture
def saved(tmp_path: Path) -> list[Path]:
    app = App(Options(paths=Paths(data=tmp_path)))
    app.start()
    tickets = [app.submit(with_values(app.default_request(), wish)) for wish in wishes(COUNT)]
    results = [ticket.result(600) for ticket in tickets]
    app.stop()
    return [picture.path for result in results for picture in result.pictures if picture.path]


def test_saved_pictures_come_back_identical_in_a_new_process(saved: list[Path], easel: Command) -> None:
    assert len(saved) >= COUNT
    done = easel("rerun", *map(str, saved), "--verify")
    lines = [line for line in done.stdout.splitlines() if "identical" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) == len(saved)
