"""The user's table of styles (styles.csv), read and changed one style at a time, so that whatever else stands in it stays. Knows no request.

The form is A1111's: columns name, prompt, negative_prompt (older: name, text), in UTF-8; a name that begins with # is a remark; of equal names the last counts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import InvalidRequest
from modules.core.files import replace
from modules.core.limits import PROMPT_LIMIT
from modules.prompt.styles import Style

LIMIT = 8 * 2**20
"""Bytes of a file."""
COLUMNS = ("name", "prompt", "negative_prompt")
OLD = {"text": "prompt"}
"""Titles of columns in older files."""


@dataclass(frozen=True)
class Table:
    """titles: of the columns, whatever they are. rows: each as long as it is written."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()

    def style(self, row: Sequence[str]) -> Style:
        told = {OLD.get(title, title): cell for title, cell in zip(self.titles, row, strict=False) if cell}
        return Style(*(told.get(column, "") for column in COLUMNS))

    def styles(self) -> dict[str, Style]:
        """By name, in order; remarks are none."""
        found = [self.style(row) for row in self.rows]
        return {style.name: style for style in found if style.name and not style.name.startswith("#")}

    def changed(self, before: Style | None, after: Style | None) -> Table:
        """With one style in place of another (the last row of its name; earlier ones of the name go), behind all, or gone."""
        places = [place for place, row in enumerate(self.rows) if before and self.style(row).name == before.name]
        rows = [row for place, row in enumerate(self.rows) if place not in places[:-1]]
        at = places[-1] - len(places) + 1 if places else len(rows)
        new = [self._row(rows[at] if places else (), after)] if after else []
        return Table(self.titles, (*rows[:at], *new, *rows[at + 1 :]))

    def _row(self, row: Sequence[str], style: Style) -> tuple[str, ...]:
        cells = [*row, *[""] * (len(self.titles) - len(row))]
        named = {OLD.get(title, title): place for place, title in enumerate(self.titles)}
        for column in COLUMNS:
            cells[named[column]] = getattr(style, column)
        return tuple(cells)


def read(path: Path) -> dict[str, Style]:
    """The styles of a file by name, in its order; {} when there is no such file. Raises InvalidRequest for one that cannot be read."""
    return _table(_data(path), path).styles()


def read_all(paths: Sequence[Path]) -> dict[str, Style]:
    """The styles of several files one after the other, each behind a divider that names it; of one file alone, without a divider."""
    if len(paths) == 1:
        return read(paths[0])
    found: dict[str, Style] = {}
    for path in paths:
        divider = f" {path.name} ".center(40, "-")
        found |= {divider: Style(divider), **read(path)}
    return found


def change(path: Path, before: Style | None, after: Style | None) -> None:
    """Puts one style in place of another or behind all; see `change_all`."""
    change_all(path, [(before, after)])


def change_all(path: Path, changes: Sequence[tuple[Style | None, Style | None]]) -> None:
    """Several changes at once, all of them or none; the file as it was is kept as NAME.bak.

    before: the style as its editor last saw it; None for a new one. after: None takes it out. Raises OutputTrouble; InvalidRequest for a name that cannot
    be or is taken, and where the file says something else by now, for another program may be at it.
    """
    data = _data(path)
    table = _table(data, path)
    for before, after in changes:
        table = _changed(table, before, after)
    out = io.StringIO()
    csv.writer(out).writerows([table.titles, *table.rows])
    if _data(path) != data:
        raise InvalidRequest(f"The styles file {path} was changed this very moment by another program.", "Try again.", "styles")
    if data:
        replace(path.with_name(path.name + ".bak"), data)
    replace(path, out.getvalue().encode("utf-8-sig", "replace"))


def _changed(table: Table, before: Style | None, after: Style | None) -> Table:
    present = table.styles()
    if before and present.get(before.name) != before:
        what = f"The style {before.name[:80]!r} was {'changed' if before.name in present else 'taken out'} meanwhile, by somebody else or by another program."
        raise InvalidRequest(what, "Look at it again, then make your change.", "styles")
    if after:
        _check(after)
        if after.name in present and (before is None or after.name != before.name):
            raise InvalidRequest(f"There is a style {after.name[:80]!r} already.", "Choose another name, or change that one.", "styles")
    return table.changed(before, after)


def _check(style: Style) -> None:
    texts = (style.name, style.prompt, style.negative_prompt)
    if not style.name.strip() or style.name.startswith("#") or any("\0" in text for text in texts):
        raise InvalidRequest(f"{style.name[:80]!r} cannot be the name of a style.", "Give a name that does not begin with #.", "styles")
    if max(map(len, texts)) > PROMPT_LIMIT:
        raise InvalidRequest(f"The style {style.name[:80]!r} is longer than {PROMPT_LIMIT} characters.", "Shorten it.", "styles")


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


def _table(data: bytes, path: Path) -> Table:
    """With all columns that a style needs. Raises InvalidRequest."""
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(data.decode("utf-8-sig").replace("\0", ""), newline=""))]
    except (UnicodeDecodeError, csv.Error):
        raise InvalidRequest(f"The styles file {path} is no table of commas in UTF-8.", "Save it as CSV in UTF-8, or move it away.", "styles") from None
    titles = rows[0] if rows else ()
    known = {OLD.get(title, title) for title in titles}
    return Table((*titles, *(column for column in COLUMNS if column not in known)), tuple(row for row in rows[1:] if row))
