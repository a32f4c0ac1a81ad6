"""The model's own vocabulary: words of its sentences are cut as CLIP cuts them, any text can be read, and CLIP's whole table can be written from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modules.catalog.scan import CLIP_VOCABULARY
from modules.prompt.vocabulary import Vocabulary
from modules.training.starter import vocabulary
from modules.training.starter.objects import OBJECTS
from modules.training.starter.scenes import words

WORDS = words({one.name: one.plural for one in OBJECTS})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    vocabulary.write(folder, WORDS)
    return folder


def test_sentences_are_cut_as_clip_cuts_them(place: Path) -> None:
    own, clip = Vocabulary.from_folder(place), Vocabulary.from_folder(CLIP_VOCABULARY)
    for word in WORDS:
        assert [own.piece(token) for token in own.encode(word)] == [clip.piece(token) for token in clip.encode(word)]
    assert len(own) < 1700 and own.comma >= 0


@pytest.mark.parametrize("text", ["", "snowman", "ein Käse, 12 €!", "🙂", "a\u0301 \ud800"])
def test_any_text_can_be_read(place: Path, text: str) -> None:
    own = Vocabulary.from_folder(place)
    found = vocabulary.rows([text], own)
    assert found.shape == (1, 77) and int(found.max()) < len(own) and found[0, 0] == own.bos
    assert bool(text.strip()) == bool(own.encode(text))


def test_clip_s_whole_table_reads_the_same(place: Path) -> None:
    own, clip = Vocabulary.from_folder(place), Vocabulary.from_folder(CLIP_VOCABULARY)
    table = torch.randn(len(own), 8, generator=torch.Generator().manual_seed(1))
    whole = vocabulary.whole_table(table, own, vocabulary.numbers_of(place))
    assert len(whole) == len(clip) and whole.isfinite().all() and whole.abs().sum(1).min() > 0
    sentence = "two mice in the top left corner, pencil sketch"
    assert torch.equal(table[vocabulary.rows([sentence], own)], whole[vocabulary.rows([sentence], clip)])
