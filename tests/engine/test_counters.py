"""What a step costs, counted and not timed: it never waits for the device, copies nothing to or from it, and takes as much memory as the step before."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from modules.core.records.samplers import SAMPLERS
from modules.engine.generate import Engine
from tests.engine.counting import QUIET, Lists, Seen, walked
from tests.networks import tiny

LOOKS = {"DPM adaptive"}
"""Samplers whose next step depends on the error of this one."""
MOST_OPERATIONS = 16
"""Of torch, in a step of Euler with guidance, beside the network's own."""


def parts_of(engine: Engine) -> dict[str, Any]:
    return engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model.parts


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("sampler", [one.name for one in SAMPLERS if one.name not in LOOKS])
def test_no_step_waits_for_the_device(engine: Engine, sampler: str) -> None:
    """On a device without memory whatever would look at a number fails: `item`, `cpu`, `nonzero`, a comparison that is branched on."""
    between = walked(engine, sampler, "meta").between
    assert between and not any(step["waits"] for step in between)
    assert max(step["sent"] for step in between) <= (sampler not in QUIET), "fresh noise comes from the host, nothing else"


def test_what_looks_at_a_number_would_be_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.engine.denoise.combine", lambda answers, guide: answers[0] * float(answers[0].max()))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        walked(engine, "Euler", "meta")


def test_a_copy_that_is_waited_for_would_be_found() -> None:
    there, host = torch.zeros(4, 3, device="meta"), torch.randn(3)
    with Seen() as seen, Lists(seen):
        for index, work in enumerate(
            (
                lambda: host.to("meta"),
                lambda: host.to("meta", non_blocking=True),  # not pinned: the driver reads it before it returns
                lambda: there[[0, 2]],
                lambda: there[torch.tensor([0, 2])],
                lambda: torch.tensor([0, 2], device="meta"),
                lambda: there[0].copy_(host),
            )
        ):
            work()
            assert (seen.steps[-1]["waits"], seen.steps[-1]["sent"]) == (index + 1, 0)
        host.pin_memory().to("meta", non_blocking=True)
        assert (seen.steps[-1]["waits"], seen.steps[-1]["sent"]) == (6, 1)


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM"])
def test_a_step_takes_as_much_as_the_one_before_however_many_there_are(engine: Engine, sampler: str) -> None:
    few, many = (walked(engine, sampler, "cpu", steps).between[1:] for steps in (5, 9))
    assert len({tuple(sorted(step.items())) for step in (*few, *many)}) == 1


def test_beside_the_network_a_step_is_a_handful_of_operations(engine: Engine) -> None:
    unet, alone = parts_of(engine)["unet"], Seen()
    with torch.inference_mode(), alone:
        unet(torch.zeros(2, 4, 8, 8), torch.zeros(2), encoder_hidden_states=torch.zeros(2, 77, tiny.WIDTH), return_dict=False)
    inside = alone.steps[0]["operations"] - 4  # the zeros
    assert {step["operations"] - inside for step in walked(engine, "Euler", "cpu").between} <= set(range(MOST_OPERATIONS + 1))
