"""Wildcard files: names, lines, patterns, and that no name leaves the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extensions.wildcards.shelf import GLANCE, Lines, Shelf, glance, read


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    for name, text in {
        "mine/animal.txt": "cat\ndog",
        "mine/nature/Tree.txt": "oak\nelm",
        "mine/nature/deep/moss.txt": "moss",
        "mine/nature/bush.TXT": "3::holly\nbox",
        "mine/.hidden.txt": "x",
        "mine/.git/head.txt": "x",
        "mine/notes.md": "x",
        "theirs/animal.txt": "wolf",
        "theirs/colour.txt": "red",
        "secret.txt": "secret",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return Shelf((tmp_path / "mine", tmp_path / "theirs", tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("text", "texts", "weights"),
    [
        ("", (), ()),
        ("cat\r\n  dog  \n\n# remark\n  # another\nowl # no remark", ("cat", "dog", "owl # no remark"), ()),
        ("2::a\nb", ("a", "b"), (2.0, 1.0)),
        ("1::a\nb", ("a", "b"), ()),
        ("a: b, c", ("a: b, c",), ()),
    ],
)
def test_lines_of_a_file(text: str, texts: tuple[str, ...], weights: tuple[float, ...]) -> None:
    assert read(text) == Lines(texts, weights)


def test_names_are_those_of_the_files_and_the_first_folder_counts(shelf: Shelf) -> None:
    assert list(shelf.names()) == ["animal", "colour", "nature/bush", "nature/deep/moss", "nature/Tree"]
    lines = shelf.look_up()("animal")
    assert lines and lines.texts == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("ANIMAL", {"cat", "dog"}),
        ("nature/tree", {"oak", "elm"}),
        ("tree", None),
        ("nature/*", {"oak", "elm", "holly", "box"}),
        ("nature/**", {"oak", "elm", "holly", "box", "moss"}),
        ("**/moss", {"moss"}),
        ("**/animal", {"cat", "dog"}),
        ("*", {"cat", "dog", "red"}),
        ("nature/tre?", {"oak", "elm"}),
        ("anim.l", None),
        ("../secret", None),
        ("../*", None),
        ("/etc/passwd", None),
        ("nature/../animal", None),
        ("[ab]*", None),
        (".hidden", None),
    ],
)
def test_what_a_name_stands_for(shelf: Shelf, name: str, texts: set[str] | None) -> None:
    found = shelf.look_up()(name)
    assert (set(found.texts) if found else None) == texts


def test_weights_stand_where_any_file_has_some(shelf: Shelf) -> None:
    found = shelf.look_up()("nature/*")
    assert found and dict(zip(found.texts, found.weights, strict=True)) == {"holly": 3.0, "box": 1.0, "oak": 1.0, "elm": 1.0}


def test_a_changed_file_is_read_again(shelf: Shelf) -> None:
    path = shelf.names()["animal"]
    assert shelf.lines(path).texts == ("cat", "dog")
    path.write_text("a whole zoo", "utf-8")
    os.utime(path, ns=(1, 1))
    assert shelf.lines(path).texts == ("a whole zoo",)
    path.unlink()
    assert shelf.lines(path).texts == () and "animal" in shelf.names()


def test_a_file_in_another_encoding_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffcafé\n".encode() + b"\xe9t\xe9\n")
    found = Shelf((tmp_path,)).look_up()("a")
    assert found and found.texts[0] == "café" and len(found.texts) == 2


def test_a_glance_reads_the_beginning_of_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("# remark\n2::cat\ndog\n", "utf-8")
    (tmp_path / "long.txt").write_text("a line of it\n" * GLANCE, "utf-8")
    assert glance(tmp_path / "short.txt") == (("cat", "dog"), True)
    texts, whole = glance(tmp_path / "long.txt")
    assert set(texts) == {"a line of it"} and not whole and len(texts) * 13 <= GLANCE
    assert glance(tmp_path / "gone.txt") == ((), True)
