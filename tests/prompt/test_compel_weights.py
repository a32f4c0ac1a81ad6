from __future__ import annotations

from pathlib import Path

import pytest
import torch
from compel import Compel
from compel.prompt_parser import Conjunction, FlattenedPrompt
from transformers import CLIPTextModel, CLIPTokenizer

from modules.core.errors import InvalidRequest
from modules.prompt import compel_weights
from modules.prompt.grammar import Fragments, fragments
from modules.prompt.vocabulary import Vocabulary
from tests.prompt.conftest import Encoder


@pytest.fixture
def theirs(folder: Path, text_model: CLIPTextModel) -> Compel:
    return Compel(CLIPTokenizer.from_pretrained(str(folder), model_max_length=77), text_model, truncate_long_prompts=False)


def by_compel(compel: Compel, *parts: Fragments) -> torch.Tensor:
    with torch.no_grad():
        return compel.build_conditioning_tensor_for_conjunction(Conjunction([FlattenedPrompt(list(part)) for part in parts]))[0][0]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a red cat", [[("a red cat", 1.0)]]),
        ("a (red:1.5) cat", [[("a ", 1.0), ("red", 1.5), (" cat", 1.0)]]),
        ("a [red] (cat:0.3)", [[("a ", 1.0), ("red", 1 / 1.1), ("cat", 0.3)]]),
        ("[red] [cat] sky", [[("red", 1 / 1.1), ("cat", 1 / 1.1), (" sky", 1.0)]]),
        ("(red:-2) cat", [[("red", -2.0), (" cat", 1.0)]]),
        ("a cat BREAK (blue:1.2) sky BREAK", [[("a cat", 1.0)], [("blue", 1.2), (" sky", 1.0)]]),
        ("", [[("", 1.0)]]),
        (" () ", [[("", 1.0)]]),
        ("cat " * 74 + "(red dog:0.5) sky", [[("cat " * 74, 1.0), ("red", 0.5)], [("dog", 0.5), (" sky", 1.0)]]),
        ("cat " * 70 + ", (red dog:1.5) sky sky sky", [[("cat " * 70 + ",", 1.0)], [("red dog", 1.5), (" sky sky sky", 1.0)]]),
    ],
)
def test_equals_compel_with_the_same_fragments(theirs: Compel, encoder: Encoder, vocabulary: Vocabulary, text: str, parts: list[Fragments]) -> None:
    (ours,) = compel_weights.encode([fragments(text)], encoder, vocabulary)
    torch.testing.assert_close(ours, by_compel(theirs, *parts))


def test_weights_do_something(encoder: Encoder, vocabulary: Vocabulary) -> None:
    texts = ["a red cat", "a (red:1.5) cat", "a (red:0.5) cat"]
    plain, up, down = compel_weights.encode([fragments(text) for text in texts], encoder, vocabulary)
    assert not torch.allclose(plain, up, atol=1e-3)
    assert not torch.allclose(plain, down, atol=1e-3)


def test_a_text_does_not_depend_on_its_company(encoder: Encoder, vocabulary: Vocabulary) -> None:
    (alone,) = compel_weights.encode([fragments("a (red:0.5) cat")], encoder, vocabulary)
    other, together = compel_weights.encode([fragments("sky " * 80), fragments("a (red:0.5) cat")], encoder, vocabulary)
    (nothing,) = compel_weights.encode([fragments("")], encoder, vocabulary)
    assert len(other) == len(together) == 154
    assert torch.equal(together[:77], alone)
    assert torch.equal(together[77:], nothing)


@pytest.mark.parametrize("weight", ["", ":1.5", ":0.5"])
def test_embeddings(encoder: Encoder, vocabulary: Vocabulary, weight: str) -> None:
    table = encoder.model.get_input_embeddings().weight.detach()
    embeddings = {"tree": table[vocabulary.encode("red cat")]}
    (with_name,) = compel_weights.encode([fragments(f"a (tree{weight}) sky")], encoder, vocabulary, embeddings=embeddings)
    (with_words,) = compel_weights.encode([fragments(f"a (red cat{weight}) sky")], encoder, vocabulary)
    assert torch.equal(with_name, with_words)


@pytest.mark.parametrize(
    "text", ["<|endoftext|> (cat:0.5) <|startoftext|>", "(<|startoftext|>:0.5)(<|endoftext|>:0.3)", "((((cat))))(:2)", "(cat:0)", "(cat:99999999)"]
)
def test_nothing_typed_breaks_it(encoder: Encoder, vocabulary: Vocabulary, text: str) -> None:
    (z,) = compel_weights.encode([fragments(text)], encoder, vocabulary)
    assert torch.isfinite(z).all()


def test_too_many_runs_are_refused(encoder: Encoder, vocabulary: Vocabulary) -> None:
    with pytest.raises(InvalidRequest, match="compel"):
        compel_weights.encode([fragments("[cat] a " * 1100)], encoder, vocabulary)
    assert encoder.runs == 0
