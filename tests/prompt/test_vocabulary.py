from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from modules.core.errors import BadModelFile
from modules.prompt.vocabulary import Vocabulary

TEXTS = st.one_of(st.text(max_size=40), st.text(alphabet="catdogRED ,.!'\"s9-_<|>()\t\n\u3000éÉß猫½²😀\u0301", max_size=40))


@pytest.fixture(scope="module")
def theirs(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(str(folder))


@pytest.fixture(scope="module")
def from_json(theirs: CLIPTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    path = tmp_path_factory.mktemp("json")
    theirs.backend_tokenizer.enable_truncation(77)  # as files saved by diffusers often say
    theirs.backend_tokenizer.enable_padding(length=77)
    theirs.backend_tokenizer.save(str(path / "tokenizer.json"))
    theirs.backend_tokenizer.no_truncation()
    theirs.backend_tokenizer.no_padding()
    return Vocabulary.from_folder(path)


@given(TEXTS)
@example("a  RED\tCat's <|endoftext|>, don't 12 naïve cafe\u0301")
def test_equals_transformers(theirs: CLIPTokenizer, vocabulary: Vocabulary, from_json: Vocabulary, text: str) -> None:
    expected = theirs(text, add_special_tokens=False).input_ids
    assert vocabulary.encode(text) == expected
    assert from_json.encode(text) == expected


def test_marks_are_those_of_transformers(theirs: CLIPTokenizer, vocabulary: Vocabulary, from_json: Vocabulary) -> None:
    for ours in (vocabulary, from_json):
        assert (ours.bos, ours.eos, ours.pad) == (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id)
        assert [ours.comma] == ours.encode(",") == ours.encode(" , ")
        assert len(ours) == len(theirs)


def test_words_of_the_vocabulary_are_one_token(vocabulary: Vocabulary) -> None:
    assert len(vocabulary.encode("A red  CAT,\nvery blue")) == 6
    assert vocabulary.encode(" \t ") == []


def test_long_text_is_not_cut(from_json: Vocabulary) -> None:
    assert len(from_json.encode("cat " * 500)) == 500


def test_lone_surrogates_are_question_marks(vocabulary: Vocabulary) -> None:
    assert vocabulary.encode("cat \ud800") == vocabulary.encode("cat ?")


def test_names_of_the_marks_come_from_the_folder(folder: Path, tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": "cat</w>"}', "utf-8")
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": {"content": "!</w>"}, "bos_token": 3}', "utf-8")
    ours = Vocabulary.from_folder(tmp_path)
    assert ours.pad != ours.eos
    assert ours.encode("!x")[0] == ours.pad


@pytest.mark.parametrize("files", [{}, {"tokenizer.json": "{"}, {"vocab.json": "{}", "merges.txt": "a"}, {"vocab.json": '{"a": 0}', "merges.txt": ""}])
def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    if "vocab.json" in files:  # readable, but the marks are added last, so that an alien vocabulary still opens
        (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<s>"}', "utf-8")
    with pytest.raises(BadModelFile):
        Vocabulary.from_folder(tmp_path)
