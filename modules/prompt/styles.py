"""Styles: named pieces of prompts in a table of the user's (styles.csv), laid over prompts and lifted out of them again. No torch; knows no request.

File and rules are A1111's: columns name, prompt, negative_prompt (older: name, text); a name that begins with # is a remark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import InvalidRequest
from modules.core.files import replace
from modules.core.request import PROMPT_LIMIT

PLACE = "{prompt}"
"""Where a style's text takes the prompt in; without it the text is appended."""
LIMIT = 8 * 2**20
"""Bytes of a file."""
COLUMNS = ("name", "prompt", "negative_prompt")


@dataclass(frozen=True)
class Style:
    """prompt, negative_prompt: "" where the style leaves that one alone."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def read(path: Path) -> dict[str, Style]:
    """The styles of a file by name, in its order; {} when there is no such file. Of equal names the last one counts.
    Raises InvalidRequest for one that cannot be read."""
    return {row[0]: Style(*row) for row in _rows(_data(path), path) if row[0] and not row[0].startswith("#")}


def read_all(paths: Sequence[Path]) -> dict[str, Style]:
    """The styles of several files one after the other, each behind a divider that names it; of one file alone, without a divider."""
    if len(paths) == 1:
        return read(paths[0])
    found: dict[str, Style] = {}
    for path in paths:
        divider = f" {path.name} ".center(40, "-")
        found |= {divider: Style(divider), **read(path)}
    return found


def write(path: Path, styles: Iterable[Style]) -> None:
    """Puts the styles into the file; its remarks stay, and the file as it was is kept as NAME.bak. Raises InvalidRequest, OutputTrouble."""
    rows = []
    for style in styles:
        if not style.name.strip() or style.name.startswith("#") or any("\0" in text for text in (style.name, style.prompt, style.negative_prompt)):
            raise InvalidRequest(f"{style.name[:80]!r} cannot be the name of a style.", "Give a name that does not begin with #.", "styles")
        if max(len(style.name), len(style.prompt), len(style.negative_prompt)) > PROMPT_LIMIT:
            raise InvalidRequest(f"The style {style.name[:80]!r} is longer than {PROMPT_LIMIT} characters.", "Shorten it.", "styles")
        rows.append((style.name, style.prompt, style.negative_prompt))
    before = _data(path)
    remarks = [row for row in _rows(before, path) if row[0].startswith("#")]
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *remarks, *rows])
    if before:
        replace(path.with_name(path.name + ".bak"), before)
    replace(path, out.getvalue().encode("utf-8-sig", "replace"))


def _data(path: Path) -> bytes:
    """b"" when there is no such file. Raises InvalidRequest."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InvalidRequest(f"The styles file {path} cannot be read: {error.strerror}.", "Make it readable, or move it away.", "styles") from None
    if len(data) > LIMIT:
        raise InvalidRequest(f"The styles file {path} is larger than {LIMIT // 2**20} MiB.", "Shorten it, or move it away.", "styles")
    return data


def _rows(data: bytes, path: Path) -> list[tuple[str, str, str]]:
    """(name, prompt, negative prompt) of every row, remarks and all. Raises InvalidRequest."""
    try:
        table = csv.DictReader(io.StringIO(data.decode("utf-8-sig").replace("\0", ""), newline=""))
        return [(row.get("name") or "", row.get("prompt") or row.get("text") or "", row.get("negative_prompt") or "") for row in table]
    except (UnicodeDecodeError, csv.Error):
        raise InvalidRequest(f"The styles file {path} is no table of commas in UTF-8.", "Save it as CSV in UTF-8, or move it away.", "styles") from None


def applied(prompt: str, negative_prompt: str, names: Iterable[str], styles: Mapping[str, Style]) -> tuple[str, str]:
    """Both prompts with the styles laid over them in order. An unknown name acts as an empty style, as in A1111: it strips the prompts.
    Raises InvalidRequest when one grows longer than a prompt may be."""
    for name in names:
        style = styles.get(name, Style(name))
        prompt, negative_prompt = _over(prompt, style.prompt), _over(negative_prompt, style.negative_prompt)
    return prompt, negative_prompt


def _over(prompt: str, style: str) -> str:
    if len(style) + len(prompt) * max(style.count(PLACE), 1) > PROMPT_LIMIT:
        raise InvalidRequest(f"With its styles a prompt has more than {PROMPT_LIMIT} characters.", "Take fewer or shorter styles.", "styles")
    if PLACE in style:
        return style.replace(PLACE, prompt)
    return ", ".join(part for part in (prompt.strip(), style.strip()) if part)


def lifted(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[tuple[str, ...], str, str]:
    """(names in the order in which they were laid over, the prompts without them): the reverse of `applied`, for a pasted text.
    A style is found where both of its texts are."""
    candidates = [style for style in styles if style.prompt.strip() or style.negative_prompt.strip()]
    names: list[str] = []
    while True:
        for style in candidates:
            first, second = _without(prompt, style.prompt), _without(negative_prompt, style.negative_prompt)
            if first is not None and second is not None:
                break
        else:
            return tuple(reversed(names)), prompt, negative_prompt
        candidates.remove(style)
        names.append(style.name)
        prompt, negative_prompt = first, second


def _without(prompt: str, style: str) -> str | None:
    """The prompt without a style's text; None when that is not in it."""
    prompt, style = prompt.strip(), style.strip()
    if PLACE in style:
        left, _, right = style.partition(PLACE)
        inside = prompt.startswith(left) and prompt.endswith(right) and len(left) + len(right) <= len(prompt)
        return prompt[len(left) : len(prompt) - len(right)] if inside else None
    return prompt.removesuffix(style).removesuffix(", ") if prompt.endswith(style) else None
