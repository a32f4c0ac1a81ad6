from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.prompt.styles import Style, applied, lifted, read, read_all, write

STYLES = {
    "film": Style("film", "film grain", "cartoon"),
    "around": Style("around", "photo of {prompt}, sharp, {prompt}", "no {prompt}"),
    "empty": Style("empty"),
}


@pytest.mark.parametrize(
    ("prompt", "negative", "names", "result"),
    [
        ("a pear", "", (), ("a pear", "")),
        (" a pear ", "", ("film",), ("a pear, film grain", "cartoon")),
        ("", "", ("film",), ("film grain", "cartoon")),
        ("a pear", "grey", ("film", "film"), ("a pear, film grain, film grain", "grey, cartoon, cartoon")),
        (" a pear", "grey", ("around",), ("photo of  a pear, sharp,  a pear", "no grey")),
        ("a pear", "", ("film", "around"), ("photo of a pear, film grain, sharp, a pear, film grain", "no cartoon")),
        (" a pear ", " grey ", ("unknown",), ("a pear", "grey")),
        (" a pear ", " ", ("empty",), ("a pear", "")),
    ],
)
def test_styles_over_prompts(prompt: str, negative: str, names: tuple[str, ...], result: tuple[str, str]) -> None:
    assert applied(prompt, negative, names, STYLES) == result


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


def test_styles_that_double_a_prompt_are_stopped() -> None:
    with pytest.raises(InvalidRequest, match="styles"):
        applied("a pear", "", ["twice"] * 50, {"twice": Style("twice", "{prompt}{prompt}")})


def test_several_files_stand_behind_dividers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"name,prompt\nof {name},x\n")
    names = list(read_all([tmp_path / "a.csv", tmp_path / "b.csv"]))
    assert names == ["---------------- a.csv -----------------", "of a", "---------------- b.csv -----------------", "of b"]
    assert all(len(name) == 40 for name in names[::2])
    assert list(read_all([tmp_path / "a.csv"])) == ["of a"]


def test_writing_keeps_remarks_and_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    write(path, [Style("new", "first")])
    assert not (tmp_path / "styles.csv.bak").exists()
    before = b"name,prompt,negative_prompt\n# mine,a remark,\nfilm,film grain,cartoon\n"
    path.write_bytes(before)
    write(path, [Style("Öl", 'oil, "on"\ncanvas')])
    assert (tmp_path / "styles.csv.bak").read_bytes() == before
    assert "# mine,a remark," in path.read_text("utf-8-sig")
    assert read(path) == {"Öl": Style("Öl", 'oil, "on"\ncanvas')}


@pytest.mark.parametrize("name", ["", " ", "# remark", "a\0b", "x" * 20_001])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        write(tmp_path / "styles.csv", [Style(name)])
    assert not list(tmp_path.iterdir())


def test_a_table_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    path.write_bytes(b"name\n\xff\n")
    with pytest.raises(InvalidRequest):
        write(path, [Style("film")])
    assert path.read_bytes() == b"name\n\xff\n"


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None)
@given(st.dictionaries(PLAIN.filter(lambda name: name.strip() and not name.startswith("#")), st.tuples(PLAIN, PLAIN), max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, table: dict[str, tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("styles") / "styles.csv"
    styles = {name: Style(name, *texts) for name, texts in table.items()}
    write(path, styles.values())
    assert read(path) == styles


@pytest.mark.parametrize(
    ("prompt", "negative", "result"),
    [
        ("a pear, film grain", "cartoon", (("film",), "a pear", "")),
        ("a pear, film grain ", "grey, cartoon", (("film",), "a pear", "grey")),
        ("film grain", "cartoon", (("film",), "", "")),
        ("a pear, film grain", "grey", ((), "a pear, film grain", "grey")),
        ("photo of a pear, film grain, sharp", "cartoon", (("film", "frame"), "a pear", "")),
        ("photo of , sharp", "", (("frame",), "", "")),
        ("photo of", "", ((), "photo of", "")),
        ("", "", ((), "", "")),
    ],
)
def test_styles_are_lifted_out_of_prompts(prompt: str, negative: str, result: tuple[tuple[str, ...], str, str]) -> None:
    styles = [Style("empty"), Style("frame", "photo of {prompt}, sharp"), Style("film", "film grain", "cartoon")]
    assert lifted(prompt, negative, styles) == result


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), unique=True), st.text("abc ,", max_size=10).map(str.strip))
def test_lifting_is_the_reverse_of_laying_over(names: list[str], prompt: str) -> None:
    styles = {name: Style(name, f"<{name}>", f"no {name}") for name in ("alpha", "beta", "gamma")}
    texts = applied(prompt, "", names, styles)
    assert lifted(*texts, styles.values()) == (tuple(names), prompt, "")
