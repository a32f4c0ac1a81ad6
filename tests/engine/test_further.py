"""Networks beside the checkpoint: counted from their files as many bytes as they take in memory, and named where they are why a picture does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.engine.fitting import REFINER, Fitting, Room
from modules.engine.generate import Engine
from tests.engine import shortage
from tests.engine.shortage import run, wish
from tests.networks import tiny_xl


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("further")
    made = shortage.engine(data)
    place = data / "models"
    tiny_xl.save_folder(place / "Stable-diffusion" / "xl", tiny_xl.base(), "StableDiffusionXLPipeline")
    made.shelf.refresh()  # type: ignore[attr-defined]
    return made


def beside(engine: Engine, request: GenerationRequest) -> int:
    need = engine.need(request, engine.shelf.checkpoint("tiny"))
    assert need is not None
    return need.work.beside


def told(engine: Engine, request: GenerationRequest, free: int) -> Any:
    return Fitting(engine.options, lambda: Room(free), engine.shelf).of(request, engine.shelf.checkpoint("tiny"))


def test_they_are_counted_as_they_lie_in_memory(engine: Engine) -> None:
    request = wish(shortage.everything(engine)["text"])
    plain = wish({})
    assert beside(engine, plain) == 0
    engine.unload()
    run(engine, request)
    warm = engine.networks.size + engine.control_networks.size
    assert engine.control_networks.size and engine.networks.size > taesd(engine)
    assert beside(engine, request) == pytest.approx(warm - taesd(engine), rel=0.05)
    assert beside(engine, with_values(request, {"hires.enabled": False})) == pytest.approx(engine.control_networks.size, rel=0.05)


def taesd(engine: Engine) -> int:
    """Bytes of the decoder of previews, which stays warm, too, and is not worth a count."""
    (card,) = engine.shelf.files("vae-approx")
    return sum(one.size for one in engine.networks.held(card))


def test_they_are_named_where_they_are_why(engine: Engine) -> None:
    request = wish(shortage.everything(engine)["text"])
    roomy = told(engine, request, 2**40)
    more = beside(engine, request)
    short = told(engine, request, roomy.needed - more // 2)
    assert short.verdict != roomy.verdict and any("beside the checkpoint" in sentence for sentence in short.sentences)
    much = told(engine, request, 2**20)
    assert much.verdict == "too much" and not any("beside the checkpoint" in sentence for sentence in much.sentences), "it would not fit without them, either"
    assert not roomy.sentences


def test_what_is_not_here_is_no_reason_to_say_nothing(engine: Engine) -> None:
    request = wish({"hires": {"enabled": True, "upscaler": "nowhere"}, "refiner": {"checkpoint": "nowhere"}, "vae": "nowhere"})
    assert told(engine, request, 2**40).verdict == "fits" and beside(engine, request) == 0


def test_a_larger_refiner_is_what_must_fit(engine: Engine) -> None:
    plain = wish({})
    alone = told(engine, plain, 2**40)
    refined = with_values(plain, {"refiner.checkpoint": "xl", "refiner.switch_at": 0.5})
    both = told(engine, refined, 2**40)
    assert both.needed > alone.needed, "one of SDXL's has two text encoders"
    found = told(engine, refined, both.needed - 1)
    assert told(engine, plain, both.needed - 1).verdict != found.verdict and found.sentences[-1] == REFINER
