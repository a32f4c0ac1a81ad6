"""Which text acts at which denoiser call."""

from __future__ import annotations

import pytest
import torch

from modules.core.groups.sampling import Guidance, Text
from modules.core.request import GenerationRequest
from modules.engine.conditioning import Conditioning, conditioning, equal_lengths, padded, spans_of
from modules.engine.generate import Engine
from modules.engine.texts import spoken
from modules.families.family import Cond


def lengths(engine: Engine, request: GenerationRequest) -> tuple[int, int]:
    loaded = engine.models.load(engine.shelf.checkpoint("tiny"), request.precision)
    texts = conditioning(loaded.family, loaded.model, request, {})
    span = texts.at(0)
    return len(span.conds[0].context), len(span.negative.context)


def test_editing_acts_one_call_late_as_in_the_original(engine: Engine) -> None:
    request = GenerationRequest(prompt="[cat:dog:0.5]", steps=12, sampler="Euler", precision="fp32")
    loaded = engine.models.load(engine.shelf.checkpoint("tiny"), request.precision)
    texts = conditioning(loaded.family, loaded.model, request, {})
    acting = [texts.at(call).conds[0].context for call in range(12)]
    assert all(torch.equal(acting[0], other) for other in acting[:7])
    assert not torch.equal(acting[6], acting[7])


@pytest.mark.parametrize(("sampler", "last"), [("Euler", 5), ("Heun", 10)])
def test_second_order_samplers_count_double(engine: Engine, sampler: str, last: int) -> None:
    request = GenerationRequest(prompt="[cat:dog:0.5]", steps=10, sampler=sampler, precision="fp32")
    loaded = engine.models.load(engine.shelf.checkpoint("tiny"), request.precision)
    assert conditioning(loaded.family, loaded.model, request, {}).spans[0].last == last


def test_long_and_short_texts_keep_their_lengths(engine: Engine) -> None:
    assert lengths(engine, GenerationRequest(prompt="cat " * 80, precision="fp32")) == (154, 77)


def test_and_parts_are_brought_to_one_length() -> None:
    short, long = torch.arange(2.0)[:, None], torch.arange(3.0)[:, None]
    assert [len(cond) for cond in equal_lengths([short, long])] == [3, 3]
    assert equal_lengths([short, long])[0][-1] == short[-1]
    assert len(padded(short, short, 4)) == 4 and len(padded(long, short, 3)) == 3


def test_spoken_texts_are_what_the_encoder_is_given() -> None:
    request = GenerationRequest(prompt="[bad-|good-]hands AND x <lora:a:1> # no", negative_prompt="y", steps=2, text=Text(), guidance=Guidance())
    assert [text.strip() for text in spoken(request)] == ["bad-hands", "good-hands", "x", "y"]


def test_schedules_of_their_own_act_side_by_side() -> None:
    conds = [Cond(torch.full((77, 1), float(number))) for number in range(5)]
    spans = spans_of([[(3, conds[0]), (9, conds[1])], [(9, conds[2])]], [(5, conds[3]), (9, conds[4])])
    texts = Conditioning([1.0, 1.0], spans, None)
    acting = [[int(cond.context[0]) for cond in (*texts.at(call).conds, texts.at(call).negative)] for call in (0, 3, 4, 5, 6, 9, 30)]
    assert acting == [[0, 2, 3], [0, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 4], [1, 2, 4], [1, 2, 4]]
