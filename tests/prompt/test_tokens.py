from __future__ import annotations

import pytest

from modules.prompt.tokens import count
from modules.prompt.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 75)),
        ("a red cat, (very:1.5) [blue] sky", (7, 75)),
        ("cat " * 75, (75, 75)),
        ("cat " * 76, (76, 150)),
        ("cat " * 60 + ", " + "dog " * 20, (95, 150)),
        ("cat BREAK dog", (76, 150)),
        ("cat BREAK", (75, 75)),
        ("cat <lora:dog:1> # dog dog", (1, 75)),
        ("[cat|dog dog|sky]", (2, 75)),
        ("[cat:dog dog dog:0.5] sky", (4, 75)),
        ("cat AND dog dog dog :0.5 AND sky", (3, 75)),
    ],
)
def test_count(vocabulary: Vocabulary, text: str, expected: tuple[int, int]) -> None:
    assert count(text, vocabulary) == expected


def test_and_is_a_word_of_the_negative_prompt(vocabulary: Vocabulary) -> None:
    assert count("cat AND sky", vocabulary, positive=False)[0] == 2 + len(vocabulary.encode("and"))


def test_literal_brackets_are_counted(vocabulary: Vocabulary) -> None:
    assert count("(cat)", vocabulary, emphasis="None") == (3, 75)


def test_comments_can_be_text(vocabulary: Vocabulary) -> None:
    assert count("cat # dog", vocabulary, comments=False) == (3, 75)


def test_embeddings_count_as_many_as_their_vectors(vocabulary: Vocabulary) -> None:
    assert count("red tree", vocabulary, embeddings={"tree": range(8)}) == (9, 75)
