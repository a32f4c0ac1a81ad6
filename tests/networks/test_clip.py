"""Clip skip and textual inversions, against the text encoder's own layers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modules.catalog import cards
from modules.networks import clip
from modules.networks.checkpoint import load_parts
from tests.networks import tiny

TOKENS = torch.tensor([[49406, 320, 736, 22456, *[49407] * 73]])


@pytest.fixture(scope="module")
def encoder(single: Path):  # type: ignore[no-untyped-def]
    return load_parts(cards.checkpoint(single), torch.float32).networks["text_encoder"]


def test_the_last_layer_is_the_encoders_own_result(encoder) -> None:  # type: ignore[no-untyped-def]
    assert torch.equal(clip.hidden(encoder, TOKENS, [[]], 1, "cpu"), encoder(TOKENS).last_hidden_state)


def test_clip_skip_leaves_out_layers_but_not_the_norm(encoder) -> None:  # type: ignore[no-untyped-def]
    x = encoder.embeddings(TOKENS)
    mask = torch.full((77, 77), float("-inf")).triu(1)[None, None]
    for layer in encoder.encoder.layers[:-1]:
        x = layer(x, mask)
    torch.testing.assert_close(clip.hidden(encoder, TOKENS, [[]], 2, "cpu"), encoder.final_layer_norm(x), rtol=1e-4, atol=1e-5)
    assert clip.depth(encoder) == tiny.TEXT_LAYERS


def test_vectors_take_the_place_of_tokens(encoder) -> None:  # type: ignore[no-untyped-def]
    plain = clip.hidden(encoder, TOKENS, [[]], 1, "cpu")
    same = clip.hidden(encoder, TOKENS, [[(1, encoder.embeddings.token_embedding.weight[[320, 736]])]], 1, "cpu")
    other = clip.hidden(encoder, TOKENS, [[(2, torch.ones(2, tiny.WIDTH))]], 1, "cpu")
    assert torch.equal(same, plain)
    assert torch.equal(other[:, :2], plain[:, :2]) and not torch.allclose(other[:, 2:4], plain[:, 2:4])
    assert torch.equal(clip.hidden(encoder, TOKENS, [[]], 1, "cpu"), plain)


def test_only_embeddings_of_its_own_width_fit(encoder) -> None:  # type: ignore[no-untyped-def]
    assert set(clip.fitting(encoder, {"a": torch.ones(2, tiny.WIDTH), "b": torch.ones(1, 768)})) == {"a"}
