"""Memory that runs short: the picture is made all the same where less will do, its record makes it again, the next job is as before, and nothing stays behind.

Four places of a run are tried here; EASEL_SHORTAGES=140 tries as many, spread over every part of it."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import product
from typing import Any, NamedTuple

import pytest
import torch

from modules.core.errors import OutOfMemory
from modules.core.params import named, value_of
from modules.core.request import GenerationRequest
from modules.core.result import Picture, Progress
from modules.engine.first_passes import FirstPasses
from modules.engine.generate import Engine
from modules.memory.ladder import PLACED
from tests.engine import shortage
from tests.engine.shortage import ERRORS, PYTHON, Short, run, wish

PLACES = int(os.environ.get("EASEL_SHORTAGES", "4"))
PHASES = ("sampling", "decoding", "preview", "encoding", "enlarging", "loading")
PARTS = (0.5, 0.0, 0.999, 0.25, 0.75, 0.1, 0.9, 0.6)


class Spot(NamedTuple):
    """An operation of a run. cold: the model is not in memory yet. part: of the way through a phase."""

    wish: str
    cold: bool
    phase: str
    part: float


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return shortage.engine(tmp_path_factory.mktemp("shortage"))


def fresh(engine: Engine, cold: bool = False) -> None:
    engine.first_passes = FirstPasses()
    engine.readings.clear()  # each run has the same operations, whatever ran before it
    if cold:
        engine.unload()


def made(engine: Engine, request: GenerationRequest) -> list[bytes]:
    fresh(engine)
    return [picture.data for picture in run(engine, request).pictures]


def lives(engine: Engine) -> int:
    """Bytes of tensors, with every network in memory that a run here has."""
    made(engine, wish(shortage.everything(engine)["text"]))
    return shortage.living()


def operations(engine: Engine, values: dict[str, Any], cold: bool) -> dict[str, list[int]]:
    """The operations of a run, by its phases."""
    fresh(engine, cold)
    with Short() as whole:
        run(engine, wish(values), whole.watch)
    found = defaultdict(list)
    for operation, phase in whole.phases.items():
        found[phase].append(operation)
    return found


def test_wherever_memory_is_short_once_the_picture_is_the_same(engine: Engine) -> None:
    wishes = shortage.everything(engine)
    before = {name: made(engine, wish(values)) for name, values in wishes.items()}
    known = {
        (name, cold): operations(engine, wishes[name], cold) for name, cold in product(wishes, (False, True)) if PLACES > 20 or name in ("text", "picture")
    }
    spots = [Spot(*which, phase, part) for part in PARTS for phase in PHASES for which in known if known[which].get(phase)]
    assert len(spots) >= min(PLACES, 140)
    lived = lives(engine)
    for number, spot in enumerate(spots[:PLACES]):
        there = known[spot.wish, spot.cold][spot.phase]
        fresh(engine, spot.cold)
        with Short(there[int(spot.part * len(there))], ERRORS[number % len(ERRORS)]) as short:
            result = run(engine, wish(wishes[spot.wish]), short.watch)
        assert short.raised == 1, spot
        assert [picture.data for picture in result.pictures] == before[spot.wish], spot
        assert spot.phase == "preview" or any(note.startswith("Memory ran short ") for note in result.notes), spot
        assert made(engine, wish(wishes[spot.wish])) == before[spot.wish], spot
        if PLACES > 20 or number == PLACES - 1:
            assert abs(lives(engine) - lived) <= 0.01 * lived, spot


@pytest.mark.parametrize(("place", "name"), PYTHON)
def test_beside_torch_too(engine: Engine, place: Any, name: str) -> None:
    request = wish(shortage.everything(engine)["picture"])
    before = made(engine, request)
    with shortage.short_in(place, name, 0, MemoryError) as told:
        result = run(engine, request, save=True)
    assert told[1] == 1 and [picture.data for picture in result.pictures] == before
    assert made(engine, request) == before


@pytest.mark.parametrize(
    ("values", "changed", "said"),
    [
        ({"batch_size": 2, "batched": True}, {"batched": False}, "one by one"),
        ({}, {"guidance.apart": True}, "one after the other"),
    ],
)
def test_what_is_too_large_is_drawn_smaller_and_its_record_makes_it_again(engine: Engine, values: dict[str, Any], changed: dict[str, Any], said: str) -> None:
    request = wish(values)
    before = made(engine, request)
    fresh(engine)
    with Short() as whole:
        run(engine, request, whole.watch)
    lived = shortage.living()
    fresh(engine)
    with Short(limit=whole.largest - 1) as short:
        result = run(engine, request, short.watch)
    assert short.raised and len(result.pictures) == len(before)
    assert any(said in note for note in result.notes)
    for picture in result.pictures:
        assert {name: value_of(picture.request, named(GenerationRequest, name)) for name in changed} == changed
        fresh(engine)
        (again,) = run(engine, picture.request).pictures
        assert again.data == picture.data
    assert made(engine, request) == before and abs(shortage.living() - lived) <= 0.01 * lived


@pytest.mark.parametrize("enough", ["encoders", "medvram", "group", "lowvram"])
def test_a_model_that_has_no_room_waits_elsewhere_until_the_run_is_over(engine: Engine, enough: str) -> None:
    """Memory is short until the model lies as it must."""
    request = wish({"prompt": "a cat <lora:first:0.8>", "guidance": {"apart": True}})
    before = made(engine, request)
    placed = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("")), "fp32").placed
    fresh(engine)
    with Short(when=lambda: placed.where != enough) as short:
        result = run(engine, request, short.watch)
    assert short.raised and [picture.data for picture in result.pictures] == before, "where a model lies changes no pixel"
    assert any(note == f"Memory ran short while sampling. {' '.join(PLACED[enough])}" for note in result.notes)
    assert placed.where == "resident" and made(engine, request) == before


def test_what_cannot_be_helped_is_said_with_a_remedy_and_costs_no_other_picture(engine: Engine) -> None:
    request = wish({"count": 2})
    before = made(engine, request)
    lived = shortage.living()
    events: list[Progress | Picture] = []

    def report(event: Progress | Picture) -> None:
        short.watch(event)
        events.append(event)

    fresh(engine)
    short = Short(when=lambda: any(isinstance(event, Picture) for event in events))
    with short, pytest.raises(OutOfMemory, match="ran out of memory at 64 x 64. Memory ran short while sampling.") as caught:
        run(engine, request, report)
    assert "smaller" in caught.value.remedy and [event.data for event in events if isinstance(event, Picture)] == before[:1]
    assert abs(shortage.living() - lived) <= 0.01 * lived and made(engine, request) == before


def test_an_upscaler_works_in_smaller_tiles(engine: Engine) -> None:
    request = wish({"hires": {"enabled": True, "scale": 2, "upscaler": "2x-small", "strength": 0.5, "steps": 1}, "width": 128, "height": 128})
    fresh(engine)

    def large(network: Any, given: tuple[torch.Tensor, ...]) -> None:
        if max(given[0].shape[-2:]) > 96:
            raise MemoryError

    with torch.nn.modules.module.register_module_forward_pre_hook(
        lambda network, given: large(network, given) if type(network).__name__ == "RRDBNet" else None
    ):
        (picture,) = (result := run(engine, request)).pictures
    assert any("smaller tiles" in note for note in result.notes) and picture.request.enlarging.tile < 128
    fresh(engine)
    assert run(engine, picture.request).pictures[0].data == picture.data
