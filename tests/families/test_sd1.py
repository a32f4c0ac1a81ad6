"""Stable Diffusion 1.x as the engine meets it: loaded, encoding by the emphasis modes, predicting and decoding without gradients."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modules.catalog import cards
from modules.core.errors import EaselError, Unsupported
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Family, Model, NetworkCall
from modules.networks import clip
from tests.networks import tiny


def contexts(family: Family, model: Model, *texts: str, embeddings: dict[str, Tensor] | None = None, **settings: object) -> list[Tensor]:
    return [cond.context for cond in family.encode(model, texts, replace(Text(), **settings), embeddings or {})]  # type: ignore[arg-type]


def test_every_family_has_its_record() -> None:
    assert set(FAMILIES_BY_NAME) == set(FAMILIES.names())


def test_a_model_knows_what_the_engine_asks(model: Model) -> None:
    assert set(model.parts) == {"unet", "vae", "text_encoder", "vocabulary"}
    assert (model.prediction, model.scale, model.device, model.dtype, model.vae_dtype) == ("eps", 0.5, "cpu", torch.float32, torch.float32)
    assert model.alphas_cumprod.shape == (1000,) and model.alphas_cumprod.dtype == torch.float32


def test_a_plain_text_is_the_encoders_own_result(family: Family, model: Model) -> None:
    vocabulary = model.parts["vocabulary"]
    words = vocabulary.encode("a red pear")
    tokens = torch.tensor([[vocabulary.bos, *words, vocabulary.eos, *[vocabulary.pad] * (75 - len(words))]])
    (context,) = contexts(family, model, "a red pear")
    assert context.shape == (77, tiny.WIDTH) and context.dtype == torch.float32
    assert torch.equal(context, model.parts["text_encoder"](tokens).last_hidden_state[0])


def test_clip_skip_reaches_the_encoder(family: Family, model: Model) -> None:
    one, two, three = (contexts(family, model, "a pear", clip_skip=skip)[0] for skip in (1, 2, 3))
    assert not torch.allclose(one, two) and not torch.allclose(two, three)
    with pytest.raises(Unsupported, match="3 layers") as refused:
        contexts(family, model, "a pear", clip_skip=4)
    assert refused.value.field == "text.clip_skip"


def test_emphasis_modes_differ_as_they_should(family: Family, model: Model) -> None:
    plain = contexts(family, model, "a red pear")[0]
    weighted = {mode: contexts(family, model, "a (red:1.4) pear", emphasis=mode)[0] for mode in ("Original", "No norm", "Ignore", "None", "compel")}
    assert torch.equal(weighted["Ignore"], plain)
    assert torch.allclose(weighted["No norm"][2], plain[2] * 1.4) and torch.equal(weighted["No norm"][1], plain[1])
    assert weighted["Original"].mean() == pytest.approx(float(plain.mean()), rel=1e-4)
    for one in ("Original", "No norm", "None", "compel"):
        for other in ("Original", "No norm", "Ignore", "None", "compel"):
            assert one == other or not torch.allclose(weighted[one], weighted[other], atol=1e-4), (one, other)


@pytest.mark.parametrize("mode", ["Original", "compel"])
def test_long_texts_and_their_schedule_have_one_length(family: Family, model: Model, mode: str) -> None:
    found = contexts(family, model, "pear, " * 60, "a pear", "", emphasis=mode)
    assert [len(context) for context in found] == [154, 154, 154]
    assert len(contexts(family, model, "", emphasis=mode)[0]) == 77


def test_textual_inversions_act_and_foreign_ones_are_words(family: Family, model: Model) -> None:
    plain = contexts(family, model, "a sketchy pear")[0]
    vectors = torch.ones(2, tiny.WIDTH)
    for mode in ("Original", "compel"):
        assert not torch.allclose(contexts(family, model, "a sketchy pear", embeddings={"sketchy": vectors}, emphasis=mode)[0], plain, atol=1e-3)
    assert torch.equal(contexts(family, model, "a sketchy pear", embeddings={"sketchy": torch.ones(2, 768)})[0], plain)
    assert torch.equal(contexts(family, model, "a sketchy pear")[0], plain)


def test_predicting_is_the_unet(family: Family, model: Model) -> None:
    noise = torch.Generator().manual_seed(0)
    x, context = torch.randn(2, 4, 8, 6, generator=noise), torch.randn(2, 77, tiny.WIDTH, generator=noise)
    out = family.predict(model, NetworkCall(x, torch.tensor([999.0, 12.5]), context))
    assert out.shape == x.shape and not out.requires_grad
    assert torch.equal(out, model.parts["unet"](x, torch.tensor([999.0, 12.5]), encoder_hidden_states=context).sample)
    first_words = torch.ones(2, 77).cumsum(1) < 4
    changed = family.predict(model, NetworkCall(x, torch.tensor([999.0, 12.5]), context, {"encoder_attention_mask": first_words}))
    assert not torch.allclose(changed, out)


def test_decoding_and_encoding_are_inverse_in_shape_and_scale(family: Family, model: Model) -> None:
    latents = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(0))
    pixels = family.decode(model, latents)
    assert pixels.shape == (2, 3, 32, 48) and pixels.dtype == torch.float32 and not pixels.requires_grad
    assert torch.equal(pixels[:1], family.decode(model, latents[:1]))
    assert family.encode_image(model, pixels).shape == latents.shape


def test_half_precision_computes(family: Family, path: Path) -> None:
    model = family.load(cards.checkpoint(path), "cpu", torch.bfloat16)
    (context,) = contexts(family, model, "a pear")
    assert context.dtype == torch.float32
    out = family.predict(model, NetworkCall(torch.ones(1, 4, 8, 8, dtype=torch.bfloat16), torch.tensor([3.0]), context[None].bfloat16()))
    assert out.dtype == torch.bfloat16 and bool(torch.isfinite(out).all())
    assert family.decode(model, torch.zeros(1, 4, 4, 4)).dtype == torch.float32


def test_weights_loaded_while_inferring_can_still_be_adapted(family: Family, path: Path) -> None:
    with torch.inference_mode():
        model = family.load(cards.checkpoint(path), "cpu", torch.float32)
    assert not any(tensor.is_inference() for tensor in model.parts["unet"].parameters())


def test_any_request_of_today_is_taken(family: Family) -> None:
    family.check(GenerationRequest())


def test_a_broken_file_is_refused_with_its_reason(family: Family, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"cut")
    with pytest.raises(EaselError, match="x.safetensors"):
        family.load(cards.checkpoint(tmp_path / "x.safetensors"), "cpu", torch.float32)


def test_the_starter_model_loads_and_follows_its_card(family: Family) -> None:
    from_project = Path(__file__).resolve().parents[2] / "models" / "Stable-diffusion" / "easel-starter"
    card = cards.checkpoint(from_project)
    model = family.load(card, "cpu", torch.float32)
    assert (model.prediction, round(model.scale, 4), clip.depth(model.parts["text_encoder"])) == ("v", 0.5836, 4)
    assert card.defaults == json.loads((from_project / "easel.json").read_text())["defaults"]
    assert contexts(family, model, card.example)[0].shape == (77, 256)
