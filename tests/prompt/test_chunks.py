from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompt.chunks import CHUNK, LENGTH, PLACEHOLDER, Chunk, chunks, empty
from modules.prompt.grammar import fragments
from modules.prompt.vocabulary import Vocabulary


def inside(chunk: Chunk, vocabulary: Vocabulary) -> list[int]:
    return chunk.tokens[1 : chunk.tokens.index(vocabulary.eos)]


def sizes(text: str, vocabulary: Vocabulary, backtrack: int = 20) -> list[int]:
    return [len(inside(chunk, vocabulary)) for chunk in chunks(fragments(text), vocabulary, backtrack)]


@pytest.mark.parametrize(
    ("text", "backtrack", "expected"),
    [
        ("", 20, [0]),
        ("cat " * 75, 20, [75]),
        ("cat " * 76, 20, [75, 1]),
        ("cat " * 60 + ", " + "dog " * 20, 20, [61, 20]),
        ("cat " * 60 + ", " + "dog " * 20, 14, [75, 6]),
        ("cat " * 60 + ", " + "dog " * 20, 15, [61, 20]),
        ("cat " * 60 + ", " + "dog " * 20, 0, [75, 6]),
        ("cat " * 40 + ", " + "dog " * 40, 20, [75, 6]),
        ("cat " * 75 + ", dog", 20, [75, 2]),
        ("cat " * 74 + ", dog", 20, [75, 1]),
        ("cat BREAK dog", 20, [1, 1]),
        ("cat BREAK", 20, [1]),
        ("BREAK cat", 20, [0, 1]),
        ("cat " * 75 + "BREAK dog", 20, [75, 1]),
    ],
)
def test_where_chunks_end(vocabulary: Vocabulary, text: str, backtrack: int, expected: list[int]) -> None:
    assert sizes(text, vocabulary, backtrack) == expected


def test_a_weighted_break_is_a_word(vocabulary: Vocabulary) -> None:
    (chunk,) = chunks(fragments("(cat BREAK dog:1.5)"), vocabulary)
    assert inside(chunk, vocabulary) == vocabulary.encode("cat break dog")


def test_layout_of_a_chunk(vocabulary: Vocabulary) -> None:
    (chunk,) = chunks(fragments("a (red cat:1.5), [sky]"), vocabulary)
    assert chunk.tokens[0] == vocabulary.bos
    assert inside(chunk, vocabulary) == vocabulary.encode("a red cat, sky")
    assert chunk.tokens[6:] == [vocabulary.eos] + [vocabulary.pad] * 70
    assert chunk.weights == [1.0, 1.0, 1.5, 1.5, 1.0, 1 / 1.1, *[1.0] * 71]
    assert chunk.sources == [-1, 0, 1, 1, 2, 3, *[-1] * 71]
    assert chunk.used == 5


def test_weights_move_along_with_their_tokens(vocabulary: Vocabulary) -> None:
    first, second = chunks(fragments("cat " * 70 + ", (dog dog:2) sky sky sky"), vocabulary)
    assert first.weights == [1.0] * LENGTH
    assert second.weights[:5] == [1.0, 2.0, 2.0, 1.0, 1.0]


@given(text=st.text(alphabet="cat dog,,,()[]:12 BREAK", max_size=400), backtrack=st.integers(0, 74))
def test_nothing_is_lost(vocabulary: Vocabulary, text: str, backtrack: int) -> None:
    pieces = fragments(text)
    laid = chunks(pieces, vocabulary, backtrack)
    words = [token for part, weight in pieces if not (part == "BREAK" and weight == -1) for token in vocabulary.encode(part)]
    assert [token for chunk in laid for token in inside(chunk, vocabulary)] == words
    assert all(len(chunk.tokens) == len(chunk.weights) == len(chunk.sources) == LENGTH for chunk in laid)
    assert all(chunk.used == CHUNK for chunk in laid[:-1])


def test_embeddings_take_the_place_of_their_names(vocabulary: Vocabulary) -> None:
    (chunk,) = chunks(fragments("red (Tree-Sky:1.5), cat"), vocabulary, embeddings={"tree": range(2), "tree-sky": range(3)})
    assert chunk.tokens[1:7] == [*vocabulary.encode("red"), *[PLACEHOLDER] * 3, *vocabulary.encode(", cat")]
    assert chunk.weights[1:7] == [1.0, 1.5, 1.5, 1.5, 1.0, 1.0]
    assert chunk.vectors == [(2, range(3))]


def test_an_embedding_moves_as_a_whole(vocabulary: Vocabulary) -> None:
    first, second = chunks(fragments("cat " * 70 + "tree sky"), vocabulary, embeddings={"tree": range(6)})
    assert (first.vectors, second.vectors) == ([], [(1, range(6))])
    assert len(inside(first, vocabulary)) == 70
    assert inside(second, vocabulary) == [PLACEHOLDER] * 6 + vocabulary.encode("sky")


def test_embeddings_behind_a_comma_move_with_it(vocabulary: Vocabulary) -> None:
    first, second = chunks(fragments("cat " * 65 + "tree, red tree sky sky sky"), vocabulary, embeddings={"tree": range(4)})
    assert (first.vectors, second.vectors) == ([(66, range(4))], [(2, range(4))])


def test_an_embedding_longer_than_a_chunk_is_cut(vocabulary: Vocabulary) -> None:
    _, second, third = chunks(fragments("a tree sky"), vocabulary, embeddings={"tree": range(100)})
    assert second.vectors == [(1, range(CHUNK))]
    assert inside(third, vocabulary) == vocabulary.encode("sky")


def test_empty_chunk(vocabulary: Vocabulary) -> None:
    assert empty(vocabulary) == chunks([("", 1.0)], vocabulary)[0]
    assert empty(vocabulary).used == 0
