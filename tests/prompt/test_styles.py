from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.prompt.styles import Style, applied, read

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
