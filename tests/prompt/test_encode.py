from __future__ import annotations

import pytest
import torch

from modules.core.errors import Unsupported
from modules.core.groups.sampling import Emphasis
from modules.prompt.chunks import chunks
from modules.prompt.encode import encode
from modules.prompt.grammar import fragments
from modules.prompt.vocabulary import Vocabulary
from tests.prompt.conftest import Encoder

PLAIN, WEIGHTED, LONG = "a red cat", "a (red:1.6) [cat]", "very (blue:1.4) sky, " * 30


def encoded(texts: list[str], encoder: Encoder, vocabulary: Vocabulary, emphasis: Emphasis = "Original") -> list[torch.Tensor]:
    return encode([chunks(fragments(text, emphasis), vocabulary) for text in texts], encoder, vocabulary, emphasis)


def test_plain_text_is_what_the_encoder_says(encoder: Encoder, vocabulary: Vocabulary) -> None:
    tokens = [vocabulary.bos, *vocabulary.encode(PLAIN), *[vocabulary.eos] * 73]
    (z,) = encoded([PLAIN], encoder, vocabulary)
    assert torch.equal(z, encoder(torch.tensor([tokens]), [])[0])


@pytest.mark.parametrize("emphasis", ["No norm", "Ignore", "None"])
def test_a_text_does_not_depend_on_its_company(encoder: Encoder, vocabulary: Vocabulary, emphasis: Emphasis) -> None:
    (alone,) = encoded([WEIGHTED], encoder, vocabulary, emphasis)
    together = encoded([PLAIN, WEIGHTED, LONG], encoder, vocabulary, emphasis)
    assert torch.equal(together[1][:77], alone)
    assert [len(z) for z in together] == [77 * (len(together[2]) // 77)] * 3


def test_original_shares_its_mean_in_a_call(encoder: Encoder, vocabulary: Vocabulary) -> None:
    plain, weighted = encoded([PLAIN, WEIGHTED], encoder, vocabulary)
    raw = encoded([PLAIN, WEIGHTED], encoder, vocabulary, "Ignore")
    scale = (plain / raw[0]).mean()
    assert float(scale) != pytest.approx(1.0, abs=1e-6)
    assert float(torch.stack([plain, weighted]).mean()) == pytest.approx(float(torch.stack(raw).mean()), rel=1e-4)
    again = encoded([PLAIN], encoder, vocabulary)[0]
    assert torch.equal(again, raw[0])


def test_repeated_texts_count_but_are_run_once(encoder: Encoder, vocabulary: Vocabulary) -> None:
    results = encoded([PLAIN, WEIGHTED, WEIGHTED, PLAIN, WEIGHTED], encoder, vocabulary)
    assert encoder.runs == 1  # the two differ in their weights only
    assert results[1] is results[2] is results[4]
    raw = encoded([PLAIN, WEIGHTED], encoder, vocabulary, "Ignore")
    assert float(torch.stack(results).mean()) == pytest.approx(float((2 * raw[0] + 3 * raw[1]).mean() / 5), rel=1e-4)


def test_chunks_are_weighed_one_by_one(encoder: Encoder, vocabulary: Vocabulary) -> None:
    (z,) = encoded([LONG], encoder, vocabulary)
    (raw,) = encoded([LONG], encoder, vocabulary, "Ignore")
    assert len(z) == 77 * 2
    for start in (0, 77):
        assert float(z[start : start + 77].mean()) == pytest.approx(float(raw[start : start + 77].mean()), rel=1e-4)


def test_shorter_texts_are_filled_with_the_empty_text(encoder: Encoder, vocabulary: Vocabulary) -> None:
    short, _ = encoded([PLAIN, LONG], encoder, vocabulary, "Ignore")
    (nothing,) = encoded([""], encoder, vocabulary, "Ignore")
    assert torch.equal(short[77:], nothing)


def test_vectors_replace_tokens(encoder: Encoder, vocabulary: Vocabulary) -> None:
    table = encoder.model.get_input_embeddings().weight.detach()
    words = {"tree": table[vocabulary.encode("red cat")]}
    (with_name,) = encode([chunks(fragments("a tree sky"), vocabulary, embeddings=words)], encoder, vocabulary)
    (with_words,) = encoded(["a red cat sky"], encoder, vocabulary)
    assert torch.equal(with_name, with_words)


def test_other_vectors_are_another_text(encoder: Encoder, vocabulary: Vocabulary) -> None:
    both = [chunks(fragments("tree"), vocabulary, embeddings={"tree": torch.full((1, 16), value)}) for value in (0.5, -0.5)]
    one, other = encode(both, encoder, vocabulary)
    assert not torch.equal(one, other)


def test_no_texts(encoder: Encoder, vocabulary: Vocabulary) -> None:
    assert encode([], encoder, vocabulary) == []


def test_compel_is_refused(encoder: Encoder, vocabulary: Vocabulary) -> None:
    with pytest.raises(Unsupported, match="compel"):
        encoded([PLAIN], encoder, vocabulary, "compel")
