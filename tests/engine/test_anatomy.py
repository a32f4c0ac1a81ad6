"""How prompts are read token by token: weights, chunks, parts, moments, textual inversions; and compel's shares."""

from __future__ import annotations

import math

import pytest
import torch

from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.engine.anatomy import Anatomy, anatomy, moments, shares
from modules.engine.conditioning import Conditioning, spans_of
from modules.engine.texts import entries_of
from modules.families.family import Cond
from modules.prompt.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.from_folder(CLIP_VOCABULARY)


def read(vocabulary: Vocabulary, prompt: str, embeddings: dict[str, int] | None = None, **values: object) -> Anatomy:
    return anatomy(from_dict(GenerationRequest, {"prompt": prompt, "steps": 4, "sampler": "Euler", **values}), vocabulary, embeddings)


def words(found: Anatomy, part: int = 0, text: int = 0, chunk: int = 0) -> list[tuple[str, float]]:
    return [(token.text, round(token.weight, 4)) for token in found.prompt[part].texts[text].chunks[chunk].tokens]


def test_tokens_as_the_tokenizer_splits_them_with_their_weights(vocabulary: Vocabulary) -> None:
    found = read(vocabulary, "a (red:1.5) [dog] ((cat))", negative_prompt="sky")
    assert words(found) == [("a", 1.0), ("red", 1.5), ("dog", 0.9091), ("cat", 1.21)]
    assert [token.fragment for token in found.prompt[0].texts[0].chunks[0].tokens] == [0, 1, 3, 5]
    assert [token.text for token in found.negative_prompt[0].texts[0].chunks[0].tokens] == ["sky"]
    assert not found.measured and found.prompt[0].texts[0].chunks[0].tokens[0].original.factor is None


def test_a_word_of_several_tokens_and_letters_beyond_ascii(vocabulary: Vocabulary) -> None:
    found = read(vocabulary, "snorkelling é 😀 日本").prompt[0].texts[0].chunks[0].tokens
    assert [token.text for token in found][:5] == ["snor", "k", "elling", "é", "😀"]
    assert [token.ends_word for token in found][:5] == [False, False, True, True, True]
    assert found[5].text == "日" and not found[5].ends_word and found[-1].ends_word


def test_chunks_and_break(vocabulary: Vocabulary) -> None:
    (text,) = read(vocabulary, "cat " * 80 + "BREAK dog").prompt[0].texts
    assert [len(chunk.tokens) for chunk in text.chunks] == [75, 5, 1]


def test_and_divides_the_prompt_but_not_the_negative_one(vocabulary: Vocabulary) -> None:
    found = read(vocabulary, "cat AND dog :0.5", negative_prompt="cat AND dog")
    assert [part.weight for part in found.prompt] == [1.0, 0.5]
    assert words(found, part=1) == [("dog", 1.0)]
    assert len(found.negative_prompt) == 1


def test_an_empty_prompt_is_one_empty_chunk(vocabulary: Vocabulary) -> None:
    found = read(vocabulary, "")
    assert [[len(chunk.tokens) for chunk in text.chunks] for text in found.prompt[0].texts] == [[0]]


def test_literal_brackets(vocabulary: Vocabulary) -> None:
    assert words(read(vocabulary, "(cat)", text={"emphasis": "None"})) == [("(", 1.0), ("cat", 1.0), (")", 1.0)]
    assert words(read(vocabulary, "(cat)", text={"emphasis": "Ignore"})) == [("cat", 1.1)]


def test_vectors_of_textual_inversions_are_named(vocabulary: Vocabulary) -> None:
    found = read(vocabulary, "a (tree:1.2) sky", {"tree": 3})
    assert words(found) == [("a", 1.0), ("tree 1/3", 1.2), ("tree 2/3", 1.2), ("tree 3/3", 1.2), ("sky", 1.0)]
    assert [token.embedding for token in found.prompt[0].texts[0].chunks[0].tokens] == ["", "tree", "tree", "tree", ""]
    assert words(read(vocabulary, "a tree")) == [("a", 1.0), ("tree", 1.0)]


@pytest.mark.parametrize(
    ("prompt", "sampler", "expected"),
    [
        ("a cat", "Euler", {"a cat": ((1, 4),)}),
        ("a [cat:dog:0.5]", "Euler", {"a cat": ((1, 3),), "a dog": ((4, 4),)}),
        ("[cat|dog]", "Euler", {"cat": ((1, 2), (4, 4)), "dog": ((3, 3),)}),
        ("[cat|dog]", "Heun", {"cat": ((1, 2), (4, 4), (6, 6), (8, 8)), "dog": ((3, 3), (5, 5), (7, 7))}),
        ("[cat:dog:4]", "Euler", {"cat": ((1, 4),)}),
    ],
)
def test_when_a_text_acts(prompt: str, sampler: str, expected: dict[str, tuple[tuple[int, int], ...]]) -> None:
    """As `Conditioning.at` has it, by which pictures are made."""
    request = from_dict(GenerationRequest, {"prompt": prompt, "steps": 4, "sampler": sampler})
    found = moments(prompt, request)
    assert found == expected
    acting: list[str] = []
    entries = entries_of(prompt, request)
    marks = {text: Cond(torch.zeros(1, 1)) for _, text in entries}
    texts = Conditioning([1.0], spans_of([[(end, marks[text]) for end, text in entries]], [(99, marks[entries[0][1]])]), None)
    calls = max(last for spans in expected.values() for _, last in spans)
    for call in range(calls):
        cond = texts.at(call).conds[0]
        acting.append(next(text for text, mark in marks.items() if mark is cond))
    assert acting == [next(text for text, spans in found.items() if any(first <= call <= last for first, last in spans)) for call in range(1, calls + 1)]


def test_shares_of_compels_blend() -> None:
    assert shares([1.0, 1.5, 3.0]) == [0.0, 0.0, 0.0]
    assert shares([0.5, 1.0]) == pytest.approx([0.5, 0.0])
    assert shares([0.5, 0.5]) == pytest.approx([1 / 3, 1 / 3])
    assert shares([0.0])[0] == pytest.approx(1, abs=1e-4) and shares([-3.0]) == shares([0.0])
    assert shares([1 / 1.1])[0] == pytest.approx(math.tan((1 - 1 / 1.1) * math.pi / 2) / (1 + math.tan((1 - 1 / 1.1) * math.pi / 2)))


def test_what_cannot_be_looked_at_is_refused(vocabulary: Vocabulary) -> None:
    with pytest.raises(InvalidRequest, match="3000 tokens") as caught:
        read(vocabulary, "cat " * 3100)
    assert caught.value.remedy
    with pytest.raises(InvalidRequest, match="3000 tokens"):
        read(vocabulary, "cat " * 60 + "[" + "|".join(f"dog {number}" for number in range(60)) + "]", steps=1000)
