"""What is told before a run about memory is what the run does: where the model lies, whether the autoencoder works in tiles, and what is let go of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.options import Placement
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress
from modules.engine.fitting import Fitting
from modules.engine.generate import Engine
from modules.engine.needs import Need
from modules.engine.save import Outputs
from modules.memory import budget
from modules.memory.budget import Work, decided, resting
from modules.memory.device import Machine
from tests.networks import tiny

MB = 2**20
PLACEMENTS: tuple[Placement, ...] = ("resident", "encoders", "medvram", "group", "lowvram")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("room")
    for name, seed in (("one", 0), ("other", 5)):
        path = data / "models" / "Stable-diffusion" / f"{name}.safetensors"
        tiny.save_single(path, tiny.ldm_tensors(*tiny.parts(seed)))
    return Engine(Library(Paths(data=data, models=data / "models"), HashCache(None)), Outputs(data / "outputs"), Blobs(data / "inputs"))


def wish(model: str = "one", **values: Any) -> GenerationRequest:
    return from_dict(GenerationRequest, {"prompt": "a cat", "model": model, "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", **values})


def run(engine: Engine, request: GenerationRequest, look: Callable[[], Any] = lambda: None) -> tuple[list[bytes], list[Any]]:
    """-> the pictures, and what `look` gave while they were sampled."""
    seen = []

    def report(event: Progress | Picture) -> None:
        if isinstance(event, Progress) and event.phase == "sampling":
            seen.append(look())

    return [picture.data for picture in engine.run(request, report, lambda: Cancel.NONE, False).pictures], seen


@contextmanager
def memory(engine: Engine, size: int) -> Iterator[None]:
    """A machine with so much of it, in which models that are loaded take what they hold."""

    def free(machine: Machine) -> int:
        return size - sum(resting(loaded.placed.where, loaded.placed.sizes) for loaded in engine.models._held.values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Machine, "free", free)
        yield


def needed(engine: Engine, request: GenerationRequest, where: Placement) -> int:
    """Bytes at the most."""
    need = engine.need(request, engine.shelf.checkpoint(request.model))
    assert need is not None
    return budget.peak(where, need.sizes, need.work.at_most(True))


def where(engine: Engine) -> dict[str, Placement]:
    return {loaded.model.card.name: loaded.placed.where for loaded in engine.models._held.values}


TURNS = (
    ("one", 64, "fp32", 1.3), ("one", 256, "fp32", 0.8), ("one", 64, "fp32", 0.6), ("one", 256, "fp32", 1.0), ("other", 64, "fp32", 1.0), ("one", 1024, "fp32", 0.5),
    ("one", 576, "bf16", 2.0), ("one", 2048, "bf16", 0.999), ("one", 64, "bf16", 0.3),
)  # fmt: skip
"""(model, side, precision, memory as a share of what all of it would need), one after the other."""


def test_what_is_told_is_where_the_model_lies(two: Engine) -> None:
    """For any sizes and any memory, whatever was loaded before."""
    two.unload()
    fitting = Fitting(two.options, two.room)
    seen = set()
    for turn in TURNS:
        model, side, precision, share = turn
        request = wish(model, width=side, height=side, precision=precision)
        with memory(two, int(share * needed(two, request, "resident"))):
            card = two.shelf.hashed(two.shelf.checkpoint(model))
            told = fitting.of(request, card)
            two.models.begin()
            placed = two.models.load(card, request.precision, asked=partial(two.need, request)).placed
            assert placed.where == told.placement, turn
            assert told.verdict == "too much" or two.machine.free() + resting(placed.where, placed.sizes) >= 0.98 * told.needed, turn
            seen.add(placed.where)
    assert seen == {"resident", "encoders", "group"}, "the largest of so small a model is its table of words"


def test_a_large_picture_after_a_small_one_is_placed_anew_and_back(two: Engine) -> None:
    small, large = wish(), wish(width=256, height=256)
    two.unload()
    plain = [run(two, one)[0] for one in (small, large)]
    assert where(two) == {"one": "resident"}
    enough = needed(two, large, "encoders")
    for size, there in ((enough, "encoders"), (enough - 1, "group")):
        with memory(two, size):
            assert run(two, small, lambda: where(two)["one"])[1][0] == "resident"
            pictures, seen = run(two, large, lambda: where(two)["one"])
            assert set(seen) == {there}, "before the first step, not when memory was short"
            assert pictures == plain[1], "where a model lies changes no pixel"
            assert run(two, small)[0] == plain[0] and where(two)["one"] == "resident"


def test_a_model_is_loaded_to_where_the_request_lets_it_lie(two: Engine) -> None:
    small, large = wish(), wish(width=256, height=256)
    with memory(two, needed(two, large, "encoders")):
        for request, there in ((small, "resident"), (large, "encoders")):
            two.unload()
            run(two, request)
            assert where(two) == {"one": there}


def test_what_waits_elsewhere_is_no_memory_that_could_be_had(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    two.unload()
    placed = two.models.load(two.shelf.checkpoint("one"), "fp32").placed
    monkeypatch.setattr(Machine, "free", lambda machine: 100 * MB)
    whole = two.models.held
    texts = placed.sizes["text_encoder"]
    assert 0 < texts < whole
    for there, held in {"resident": whole, "encoders": whole - texts, "medvram": 0, "group": 0, "lowvram": 0}.items():
        placed.move(cast(Placement, there))
        assert two.room().free == 100 * MB + held, there
    placed.move("resident")


def test_other_models_leave_for_one_that_needs_the_memory(two: Engine) -> None:
    request, other = wish(), wish("other")
    two.unload()
    with memory(two, needed(two, request, "resident") + needed(two, other, "resident")):
        run(two, request)
        run(two, other)
        assert where(two) == {"one": "resident", "other": "resident"}
    with memory(two, needed(two, request, "resident")):
        run(two, request)
        assert where(two) == {"one": "resident"}
        run(two, other)
        assert where(two) == {"other": "resident"}


SIZES = {"denoiser": 860 * 4 * MB, "text_encoder": 123 * 4 * MB, "vae": 84 * 4 * MB}


@given(st.integers(0, 2**34), st.integers(0, 2**33), st.integers(0, 2**33), st.integers(0, 2**31), st.sampled_from((*PLACEMENTS, "auto")))
def test_a_decision_fits_whenever_something_does(free: int, drawing: int, decoding: int, beside: int, wanted: Placement) -> None:
    work = Work(drawing, decoding, decoding // 4, beside)
    found = decided(wanted, SIZES, free, work)
    assert found.placement != "auto" and wanted in ("auto", found.placement)
    roomiest = next((one for one in PLACEMENTS[:4] if budget.peak(one, SIZES, work.at_most(True)) <= free), None)
    if wanted == "auto":
        assert found.placement == (roomiest or "group")
        assert (found.needed <= free) == (roomiest is not None)
    assert found.tiled or found.weights + beside + decoding <= free or not decoding
    assert found.weights + beside + drawing <= found.needed


def test_what_is_not_known_is_placed_by_what_works_usually_take(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two, "need", lambda request, card: cast(Need | None, None))
    two.unload()
    with memory(two, budget.WORKING - 1):
        run(two, wish())
        assert where(two) == {"one": "encoders"}
    run(two, wish())
    assert where(two) == {"one": "resident"}


def test_a_model_that_learns_stays_where_it_is(two: Engine) -> None:
    request = wish()
    two.unload()
    placed = two.models.load(two.shelf.hashed(two.shelf.checkpoint("one")), "fp32").placed
    with placed.resident(), memory(two, needed(two, request, "encoders")):
        run(two, request)
        assert placed.where == "resident" and [loaded.placed for loaded in two.models._held.values] == [placed]
    with memory(two, needed(two, request, "encoders")):
        run(two, request)
        assert placed.where == "encoders"
