"""Another checkpoint takes over inside the running sampler."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch

from modules.catalog.card import Card
from modules.core.errors import NotFound, Unsupported
from modules.core.groups.passes import Refiner
from modules.core.options import DeviceOptions
from modules.core.records.families import FamilyRecord
from modules.core.registry import Registry
from modules.engine import refiner as refining
from modules.engine.first_passes import FirstPasses
from modules.engine.generate import Engine
from modules.engine.handover import due, handing_over
from modules.families.sd1 import StableDiffusion1
from modules.sampling.parameterization import Table, scaled_linear
from modules.sampling.samplers import SAMPLERS
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.engine.conftest import pixels
from tests.engine.refining import drawn, engine_of_two, noted


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return engine_of_two(tmp_path_factory.mktemp("two"))


def picture(engine: Engine, **values: Any) -> np.ndarray:
    return pixels(drawn(engine, **values).pictures[0])


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a", "DDIM", "UniPC", "Heun"])
def test_at_once_it_is_the_refiner_alone_and_never_it_is_the_first_alone(two: Engine, sampler: str) -> None:
    first, second = (picture(two, sampler=sampler, model=model) for model in ("tiny", "other"))
    refined = {share: picture(two, sampler=sampler, refiner__checkpoint="other", refiner__switch_at=share) for share in (0, 0.5, 1)}
    assert np.array_equal(refined[0], second)
    assert np.array_equal(refined[1], first)
    assert not np.array_equal(refined[0.5], first) and not np.array_equal(refined[0.5], second)


def test_the_sampler_keeps_its_history(two: Engine) -> None:
    """A multistep sampler's step after the switch rests on what the first checkpoint gave before it."""
    acp = scaled_linear()
    first, second = (lambda x, sigma, step: Denoised(x * 0.5, x, x)), (lambda x, sigma, step: Denoised(x * 0.25, x, x))
    sigmas = torch.tensor([10.0, 5.0, 2.0, 1.0, 0.0])
    start = torch.ones(1, 4, 2, 2)

    def run(denoise: Any, at: torch.Tensor = sigmas, x: torch.Tensor = start) -> torch.Tensor:
        return drive(SAMPLERS["DPM++ 2M"](x, at, lambda: x, SamplerOptions(alphas_cumprod=acp)), denoise, Step(calls=4, total=4))  # type: ignore[arg-type]

    def by_hand(x: torch.Tensor, sigma: torch.Tensor, step: Step) -> Denoised:
        return (first if float(sigma) > 2 else second)(x, sigma, step)

    halfway = handing_over(first, lambda sigma, step: float(sigma) <= 2, lambda: second)
    assert torch.equal(run(halfway), run(by_hand))
    apart = run(second, sigmas[2:], run(first, sigmas[:3]))  # two samplers, one after the other
    assert not torch.allclose(run(halfway), apart)


@pytest.mark.parametrize(
    ("switch_at", "by_steps", "last_of_first"),
    [(0.0, False, None), (0.5, False, 500), (0.8, False, 200), (1.0, False, 0), (0.5, True, 4), (0.3, True, 2)],
)
def test_when(switch_at: float, by_steps: bool, last_of_first: int | None) -> None:
    table = Table(scaled_linear())
    is_due = due(Refiner(checkpoint="x", switch_at=switch_at, by_steps=by_steps), table)
    if by_steps:
        before = [call for call in range(10) if not is_due(table.sigmas[0], Step(call=call, calls=10))]
    else:
        before = [t for t in range(999, -1, -1) if not is_due(table.sigmas[t], Step())]
    assert (before[-1] if before else None) == last_of_first


def test_calls_go_to_one_and_then_to_the_other_for_each_picture(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with noted(monkeypatch) as calls:
        drawn(two, batch_size=2, refiner__checkpoint="other", refiner__switch_at=0.5, refiner__by_steps=True)
    assert calls == ["tiny", "tiny", "other", "other"] * 2


def test_a_picture_of_a_batch_is_identical_alone(two: Engine) -> None:
    wish: dict[str, Any] = {"refiner__checkpoint": "other", "refiner__switch_at": 0.4, "negative_prompt": "a (dog:1.3)"}
    batch = drawn(two, batch_size=2, **wish).pictures
    assert drawn(two, seed=2, **wish).pictures[0].data == batch[1].data


@pytest.mark.parametrize(("passes", "wanted"), [("second pass", (0, 1)), ("first pass", (1, 0)), ("both passes", (1, 1))])
def test_of_hires_the_wanted_pass_is_refined(two: Engine, monkeypatch: pytest.MonkeyPatch, passes: str, wanted: tuple[int, int]) -> None:
    two.first_passes = FirstPasses()
    with noted(monkeypatch) as calls:
        (made,) = drawn(
            two, steps=2, hires__enabled=True, hires__upscaler="Lanczos", refiner__checkpoint="other", refiner__switch_at=0.5, refiner__by_steps=True,
            refiner__passes=passes,
        ).pictures  # fmt: skip
    assert calls == [("tiny", "other")[which] for share in wanted for which in (0, share)]
    assert f"Hires refiner: {passes}" in made.infotext or passes == "second pass"


def test_it_is_said_and_made_concrete(two: Engine) -> None:
    made = drawn(two, refiner__checkpoint="Other.safetensors").pictures[0]
    digest = two.shelf.hashed(two.shelf.checkpoint("other")).sha256
    assert made.request.refiner == Refiner(checkpoint="other", checkpoint_hash=digest)
    assert f"Model: tiny, RNG: CPU, Refiner: other [{digest[:10]}], Refiner switch at: 0.8" in made.infotext


def test_a_checkpoint_does_not_take_over_from_itself(two: Engine) -> None:
    made = drawn(two, refiner__checkpoint="tiny", refiner__switch_at=0.3).pictures[0]
    assert made.request.refiner == Refiner() and "Refiner" not in made.infotext


@pytest.mark.parametrize("values", [{"refiner__checkpoint": "othr"}, {"refiner__checkpoint": "other", "refiner__checkpoint_hash": "0" * 64}])
def test_one_that_is_not_here_is_named(two: Engine, values: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match=r"The refiner is missing.*other") as caught:
        drawn(two, **values)
    assert caught.value.field == "refiner.checkpoint"


def test_latents_of_another_space_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [FamilyRecord(name="a", title="A"), FamilyRecord(name="b", title="B"), FamilyRecord(name="c", title="C", space="a")]
    monkeypatch.setattr(refining, "FAMILIES", Registry("model family", "model", known))
    a, b, c = (Card(path=refining.__file__, name=name, family=name) for name in "abc")  # type: ignore[arg-type]
    refining.check_pair(a, c)
    with pytest.raises(Unsupported, match=r"b \(B\) cannot take over from a \(A\)"):
        refining.check_pair(a, b)


def test_tiling_holds_after_the_switch_and_leaves_both_as_they_were(two: Engine) -> None:
    wish: dict[str, Any] = {"refiner__checkpoint": "other", "refiner__switch_at": 0.0}
    plain, tiled = picture(two, **wish), picture(two, tiling=True, **wish)
    assert np.array_equal(tiled, picture(two, model="other", tiling=True))
    assert np.array_equal(picture(two, **wish), plain) and not np.array_equal(plain, tiled)


def test_where_memory_holds_one_model_the_first_leaves_before_the_second_comes(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, two: Engine
) -> None:
    small = engine_of_two(tmp_path_factory.mktemp("small"))
    small.models._held.limit = 1
    alive: list[int] = []
    networks: list[weakref.ref[torch.nn.Module]] = []
    load = StableDiffusion1.load

    def watched(self: StableDiffusion1, *args: Any) -> Any:
        alive.append(sum(network() is not None for network in networks))
        model = load(self, *args)
        networks.append(weakref.ref(model.parts["unet"]))
        return model

    wish: dict[str, Any] = {"count": 2, "refiner__checkpoint": "other", "refiner__switch_at": 0.5}
    with monkeypatch.context() as patch:
        patch.setattr(StableDiffusion1, "load", watched)
        made = drawn(small, **wish)
    assert alive == [0, 0, 0, 0]
    assert [picture.data for picture in made.pictures] == [picture.data for picture in drawn(two, **wish).pictures]


def test_offload_keeps_one_component_on_the_device_whoever_draws(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    wish: dict[str, Any] = {"count": 2, "refiner__checkpoint": "other", "refiner__switch_at": 0.5}
    plain = drawn(two, **wish).pictures
    placed = [two.models.load(two.shelf.checkpoint(name), "fp32").placed for name in ("tiny", "other")]
    with monkeypatch.context() as patch:
        patch.setattr(two.models, "options", DeviceOptions(placement="medvram"))
        assert [picture.data for picture in drawn(two, **wish).pictures] == [picture.data for picture in plain]
        assert [one.where for one in placed] == ["medvram", "medvram"]
    drawn(two, **wish)
    assert [one.where for one in placed] == ["resident", "resident"]
