"""What weights do, measured with the text encoder of a tiny model, against the rules themselves."""

from __future__ import annotations

import json

import pytest
import torch

from modules.core.errors import InvalidRequest
from modules.core.groups.sampling import Text
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.engine.anatomy import Token
from modules.engine.generate import Engine
from modules.engine.weighing import weigh
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model

FAMILY = FAMILIES_BY_NAME["sd1"]


@pytest.fixture(scope="module")
def model(engine: Engine) -> Model:
    return engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").model


def tokens(model: Model, prompt: str, **values: object) -> list[Token]:
    request = from_dict(GenerationRequest, {"prompt": prompt, "steps": 4, "sampler": "Euler", **values})
    found = weigh(FAMILY, model, request, {})
    assert found.measured
    return [token for part in found.prompt for text in part.texts for chunk in text.chunks for token in chunk.tokens]


def context(model: Model, text: str, emphasis: str) -> torch.Tensor:
    return FAMILY.encode(model, [text], Text(emphasis=emphasis), {})[0].context.double()  # type: ignore[arg-type]


def test_a_prompt_without_weights_is_left_alone_by_both_rules(model: Model) -> None:
    for token in tokens(model, "a red cat"):
        assert (token.original.factor, token.original.change, token.compel.change) == (pytest.approx(1), 0.0, 0.0)
        assert (token.compel.scale, token.compel.share) == (1.0, 0.0)


def test_the_factor_of_a1111_is_the_weight_times_what_restores_the_mean(model: Model) -> None:
    text = "a (red:1.6) [cat]"
    found = tokens(model, text)
    plain, weighted = context(model, text, "Ignore"), context(model, text, "No norm")
    restoring = float(plain.mean() / weighted.mean())
    assert restoring != pytest.approx(1, abs=1e-3)
    for token in found:
        assert token.original.factor == pytest.approx(token.weight * restoring, rel=1e-5)
        assert token.original.change == pytest.approx(abs(token.weight * restoring - 1), rel=1e-4)


def test_changes_are_those_of_the_vectors_that_a_picture_gets(model: Model) -> None:
    text = "a (red:1.6) [cat] dog"
    plain, by_compel = context(model, text, "Ignore")[1:5], context(model, text, "compel")[1:5]
    expected = ((by_compel - plain).norm(dim=-1) / plain.norm(dim=-1)).tolist()
    assert [token.compel.change for token in tokens(model, text)] == pytest.approx(expected)
    assert min(expected) > 0, "compel's lowered weight reaches the words behind it and, through the blend, all others"


def test_compels_shares_and_scales_are_what_its_blend_does(model: Model) -> None:
    """Rebuilt from its parts: vectors on the line from the empty prompt's, then blended with the chunk without each lowered fragment."""
    text = "a (red:0.4) cat (dog:1.5)"
    vocabulary, encoder = model.parts["vocabulary"], model.parts["text_encoder"]
    ids = [vocabulary.bos, *vocabulary.encode("a red cat dog"), vocabulary.eos]
    row = torch.tensor([[*ids, *[vocabulary.pad] * (77 - len(ids))]])
    found = tokens(model, text)
    scales = torch.tensor([1.0, *(token.compel.scale for token in found), *[1.0] * (76 - len(found))], dtype=torch.float64).unsqueeze(-1)
    empty = context(model, "", "Ignore")

    def line(mask: torch.Tensor) -> torch.Tensor:
        z = encoder(input_ids=row, attention_mask=mask).last_hidden_state[0].double()
        return empty + (z - empty) * scales

    whole, without = torch.ones(1, 77), torch.ones(1, 77)
    without[0, 2] = 0
    share = found[1].compel.share
    with torch.no_grad():
        rebuilt = (1 - share) * line(whole) + share * line(without)
    theirs = context(model, text, "compel")
    off = (rebuilt - theirs).norm(dim=-1) / theirs.norm(dim=-1)
    assert float(off.max()) < 1e-6


def test_texts_of_a_part_share_their_mean(model: Model) -> None:
    alone, edited = tokens(model, "a (cat:1.5)"), tokens(model, "a [(cat:1.5):[dog]:0.5]")
    assert [token.text for token in edited] == ["a", "cat", "a", "dog"]
    assert edited[1].original.factor != pytest.approx(alone[1].original.factor, rel=1e-4)


def test_literal_brackets_weigh_nothing(model: Model) -> None:
    found = tokens(model, "(cat:1.5)", text={"emphasis": "None"})
    assert len(found) > 3 and all(token.original.change == token.compel.change == 0 for token in found)


def test_what_would_take_too_long_is_refused(model: Model) -> None:
    with pytest.raises(InvalidRequest, match="runs of the text encoder") as caught:
        tokens(model, "[cat] a " * 200)
    assert caught.value.remedy


def test_the_engine_gives_plain_data_with_the_second_chunk_too(engine: Engine) -> None:
    request = from_dict(GenerationRequest, {"prompt": "cat " * 76 + "(dog:1.5)", "model": "tiny", "negative_prompt": "(sky:0.5)"})
    found = json.loads(json.dumps(engine.weigh(request)))
    first, second = found["prompt"][0]["texts"][0]["chunks"]
    assert (len(first["tokens"]), len(second["tokens"])) == (75, 2)
    assert second["tokens"][1]["weight"] == 1.5 and second["tokens"][1]["original"]["change"] > 0.1
    assert all(token["original"]["change"] == 0 for token in first["tokens"]), "A1111 restores the mean chunk by chunk"
    assert found["negative_prompt"][0]["texts"][0]["chunks"][0]["tokens"][0]["compel"]["share"] == pytest.approx(0.5)
