"""The table of styles: read as A1111 reads it, changed one style at a time, never over what somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.prompt import style_file
from modules.prompt.style_file import change, read, read_all
from modules.prompt.styles import Style


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "styles.csv"
    path.write_text('name,prompt,negative_prompt\n# a remark,x,y\nÖl,"oil, on canvas",\n\nfilm,"two\nlines",cartoon\nshort\n', encoding=encoding)
    assert read(path) == {"Öl": Style("Öl", "oil, on canvas"), "film": Style("film", "two\nlines", "cartoon"), "short": Style("short")}


def test_an_old_file(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    path.write_text("name,text\nfilm,film grain\n")
    assert read(path) == {"film": Style("film", "film grain")}


def test_no_file(tmp_path: Path) -> None:
    assert read(tmp_path / "styles.csv") == {}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "styles.csv"
    path.write_bytes(data)
    try:
        assert all(name == style.name for name, style in read(path).items())
    except InvalidRequest as error:
        assert error.remedy


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        read(tmp_path)


def test_several_files_stand_behind_dividers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"name,prompt\nof {name},x\n")
    names = list(read_all([tmp_path / "a.csv", tmp_path / "b.csv"]))
    assert names == ["---------------- a.csv -----------------", "of a", "---------------- b.csv -----------------", "of b"]
    assert all(len(name) == 40 for name in names[::2])
    assert list(read_all([tmp_path / "a.csv"])) == ["of a"]


BEFORE = b"name,prompt,negative_prompt,mine\r\n# a remark,x,y,z\r\nfilm,film grain,cartoon,7\r\nink,ink,,\r\n"
FILM, INK = Style("film", "film grain", "cartoon"), Style("ink", "ink")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "styles.csv"
    path.write_bytes(BEFORE)
    return path


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8-sig").splitlines()


def test_a_new_style_stands_behind_all_and_the_file_as_it_was_is_kept(path: Path) -> None:
    change(path, None, Style("Öl", 'oil, "on"\ncanvas', ""))
    assert path.with_name("styles.csv.bak").read_bytes() == BEFORE
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "as A1111 writes it"
    assert lines(path)[:4] == BEFORE.decode().split("\r\n")[:4]
    assert list(read(path).values()) == [FILM, INK, Style("Öl", 'oil, "on"\ncanvas')]


def test_a_style_is_changed_and_renamed_in_its_place(path: Path) -> None:
    change(path, FILM, Style("movie", "35mm", ""))
    assert lines(path)[1:] == ["# a remark,x,y,z", "movie,35mm,,7", "ink,ink,,"]
    change(path, INK, Style("ink", "ink wash", "colour"))
    assert lines(path)[3] == "ink,ink wash,colour,"


def test_a_style_is_taken_out_and_the_rest_stays(path: Path) -> None:
    change(path, FILM, None)
    assert lines(path)[1:] == ["# a remark,x,y,z", "ink,ink,,"]


def test_of_equal_names_the_last_is_changed_and_the_others_go(path: Path) -> None:
    path.write_text("name,text\na,1\nb,2\na,3\nc,4\n")
    change(path, Style("a", "3"), Style("a", "5"))
    assert lines(path) == ["name,text,negative_prompt", "b,2", "a,5,", "c,4"]
    change(path, Style("a", "5"), None)
    assert list(read(path)) == ["b", "c"]


def test_the_first_style_makes_the_file(tmp_path: Path) -> None:
    change(tmp_path / "styles.csv", None, FILM)
    assert [one.name for one in tmp_path.iterdir()] == ["styles.csv"]
    assert lines(tmp_path / "styles.csv") == ["name,prompt,negative_prompt", "film,film grain,cartoon"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Style("film", "film grain", "photo"), Style("film", "mine"), "was changed meanwhile"),
        (Style("gone", "x"), Style("gone", "y"), "was taken out meanwhile"),
        (Style("gone", "x"), None, "was taken out meanwhile"),
        (None, Style("film", "mine"), "already"),
        (INK, Style("film", "mine"), "already"),
    ],
)
def test_what_somebody_else_wrote_is_not_written_over(path: Path, before: Style | None, after: Style | None, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        change(path, before, after)
    assert caught.value.remedy and path.read_bytes() == BEFORE


def test_another_program_that_writes_at_the_same_moment_wins(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = style_file._check
    monkeypatch.setattr(style_file, "_check", lambda style: (check(style), path.write_bytes(b"name,prompt\r\ntheirs,x\r\n")))
    with pytest.raises(InvalidRequest, match="this very moment"):
        change(path, None, Style("mine"))
    assert list(read(path)) == ["theirs"]


@pytest.mark.parametrize("name", ["", " ", "# remark", "a\0b", "x" * 20_001])
def test_what_is_no_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        change(path, None, Style(name))
    assert path.read_bytes() == BEFORE and [one.name for one in path.parent.iterdir()] == ["styles.csv"]


def test_a_table_that_cannot_be_read_is_not_written_over(path: Path) -> None:
    path.write_bytes(b"name\n\xff\n")
    with pytest.raises(InvalidRequest):
        change(path, None, FILM)
    assert path.read_bytes() == b"name\n\xff\n"


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(PLAIN.filter(lambda name: name.strip() and not name.startswith("#")), st.tuples(PLAIN, PLAIN), max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, table: dict[str, tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("styles") / "styles.csv"
    styles = {name: Style(name, *texts) for name, texts in table.items()}
    for style in styles.values():
        change(path, None, style)
    assert read(path) == styles
    for style in styles.values():
        change(path, style, Style(f"new {style.name}", style.negative_prompt, style.prompt))
    assert list(read(path)) == [f"new {name}" for name in table]
