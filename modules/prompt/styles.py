"""Styles: named pieces of prompts in a table of the user's (styles.csv), laid over the prompts of a request. No torch; knows no request.

File and rule are A1111's: columns name, prompt, negative_prompt (older: name, text); a name that begins with # is a remark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import InvalidRequest
from modules.core.request import PROMPT_LIMIT

PLACE = "{prompt}"
"""Where a style's text takes the prompt in; without it the text is appended."""
LIMIT = 8 * 2**20
"""Bytes of a file."""


@dataclass(frozen=True)
class Style:
    """prompt, negative_prompt: "" where the style leaves that one alone."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def read(path: Path) -> dict[str, Style]:
    """The styles of a file by name, in its order; {} when there is no such file. Of equal names the last one counts.
    Raises InvalidRequest for one that cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidRequest(f"The styles file {path} cannot be read: {error.strerror}.", "Make it readable, or move it away.", "styles") from None
    if len(data) > LIMIT:
        raise InvalidRequest(f"The styles file {path} is larger than {LIMIT // 2**20} MiB.", "Shorten it, or move it away.", "styles")
    try:
        return {style.name: style for style in _rows(data.decode("utf-8-sig"))}
    except (UnicodeDecodeError, csv.Error):
        raise InvalidRequest(f"The styles file {path} is no table of commas in UTF-8.", "Save it as CSV in UTF-8, or move it away.", "styles") from None


def _rows(text: str) -> Iterable[Style]:
    for row in csv.DictReader(io.StringIO(text.replace("\0", ""), newline="")):
        name = row.get("name") or ""
        if name and not name.startswith("#"):
            yield Style(name, row.get("prompt") or row.get("text") or "", row.get("negative_prompt") or "")


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
