"""A small CLIP vocabulary and a small text encoder, of the real classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from modules.prompt.embeddings import patched
from modules.prompt.encode import Placed
from modules.prompt.vocabulary import BOS, EOS, Vocabulary

WORDS = ("cat", "dog", "red", "blue", "sky", "a", "very", "tree")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer folder with vocab.json and merges.txt: all bytes, and `WORDS` as one token each."""
    letters = sorted(ByteLevel.alphabet())
    tokens = letters + [letter + "</w>" for letter in letters]
    merges: list[str] = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            pair = f"{parts[0]} {parts[1]}"
            parts[:2] = [parts[0] + parts[1]]
            if parts[0] not in tokens:
                tokens.append(parts[0])
                merges.append(pair)
    tokens += [BOS, EOS]
    path = tmp_path_factory.mktemp("tokenizer")
    (path / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}), "utf-8")
    (path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), "utf-8")
    return path


@pytest.fixture(scope="session")
def vocabulary(folder: Path) -> Vocabulary:
    return Vocabulary.from_folder(folder)


class Encoder:
    """A text encoder as a family would wrap it; counts its runs."""

    def __init__(self, model: CLIPTextModel) -> None:
        self.model, self.runs = model, 0

    def __call__(self, tokens: Tensor, vectors: list[Placed], mask: Tensor | None = None) -> Tensor:
        self.runs += 1
        with torch.no_grad(), patched(self.model.get_input_embeddings(), vectors):
            return self.model(tokens, attention_mask=mask).last_hidden_state


@pytest.fixture
def encoder(text_model: CLIPTextModel) -> Encoder:
    return Encoder(text_model)


@pytest.fixture(scope="session")
def text_model(vocabulary: Vocabulary) -> CLIPTextModel:
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, eos_token_id=vocabulary.eos
    )
    model = CLIPTextModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("final_layer_norm.bias"):
                parameter.fill_(-0.1)
            elif parameter.ndim == 2:
                parameter.normal_(std=0.5)
    return model
