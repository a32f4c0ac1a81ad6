"""A folder of pictures -> its entries: which files there are, and what is said of each. Nothing is decoded here, and nothing outside of the folder is touched.

Captions: metadata.csv (`file_name,text`) or metadata.jsonl in any of the folders, as `datasets` reads them (its imagefolder), else a .txt of the
picture's name, as kohya's tools write it. No torch.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".ppm")
TABLES = ("metadata.csv", "metadata.jsonl")
MOST = 200_000
"""Pictures of a folder."""
TABLE_LIMIT = 64 * 2**20
"""Bytes of a table of captions."""
CAPTION_LIMIT = 4000
"""Characters of a caption."""
NAMED = 12
"""Files that one finding names."""


@dataclass(frozen=True)
class Finding:
    """Something about the data that a person should know. stops: nothing can be trained before it is mended."""

    what: str
    remedy: str
    files: tuple[str, ...] = ()
    stops: bool = False

    def __str__(self) -> str:
        names = ", ".join(self.files[:3]) + (f" and {len(self.files) - 3} more" if len(self.files) > 3 else "")
        return " ".join(filter(None, (f"{self.what.rstrip('.')}: {names}." if names else self.what, self.remedy)))

    def as_dict(self) -> dict[str, object]:
        return {"what": self.what, "remedy": self.remedy, "files": list(self.files), "stops": self.stops}


@dataclass(frozen=True)
class Entry:
    """One picture. name: its path in the folder. prior: one of the other things that are to stay what they were."""

    path: Path
    name: str
    caption: str = ""
    prior: bool = False


def read(folder: Path) -> tuple[list[Entry], list[Finding]]:
    """The pictures in and below a folder, by name, with their captions; and what is wrong with how they lie there. Never raises."""
    root = _real(folder)
    if not root.is_dir():
        return [], [Finding(f"There is no folder {str(folder)[:200]}.", "Check its path.", stops=True)]
    told: dict[str, str] = {}
    findings: list[Finding] = []
    paths, places, outside = _walk(root)
    for place in places:
        captions, said = _table(place, root)
        told |= captions
        findings += said
    found: list[Entry] = []
    for path in paths[:MOST]:
        name = path.relative_to(root).as_posix()
        found.append(Entry(path, name, _cut(told[name] if name in told else _beside(path))))
    if outside:
        findings.append(Finding("Some files are links that lead out of the folder; they were left out", "Copy the pictures themselves.", tuple(outside)))
    if len(paths) > MOST:
        findings.append(Finding(f"There are {len(paths)} pictures; the first {MOST} by name are used.", "Split the folder."))
    known = {path.relative_to(root).as_posix() for path in paths}
    if missing := tuple(name for name in told if name not in known):
        what = "The table of captions names files that are not there, or that are no pictures"
        findings.append(Finding(what, "Correct their names, or take those lines out.", missing[:NAMED], stops=True))
    if not found:
        findings.append(Finding(f"There are no pictures in {root.name}.", f"Put pictures there ({', '.join(ENDINGS[:4])} and others).", stops=True))
    return found, findings


def _real(folder: Path) -> Path:
    try:
        return folder.expanduser().resolve()
    except (OSError, ValueError, RuntimeError):
        return Path(os.devnull)


def _walk(root: Path) -> tuple[list[Path], list[Path], list[str]]:
    """Pictures by name, the folders that hold a table, the outer ones first, and the names of links that lead out of the root. Folders whose name begins with
    a dot are passed over."""
    found: list[Path] = []
    places: list[Path] = []
    outside: list[str] = []
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if not set(TABLES).isdisjoint(files):
            places.append(Path(place))
        for name in sorted(files):
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in ENDINGS:
                if path.resolve().is_relative_to(root):
                    found.append(path)
                else:
                    outside.append(path.relative_to(root).as_posix())
    return sorted(found, key=lambda path: path.relative_to(root).as_posix()), places, outside


def _table(place: Path, root: Path) -> tuple[dict[str, str], list[Finding]]:
    """Name within the root -> caption, out of the tables of one folder."""
    told: dict[str, str] = {}
    findings: list[Finding] = []
    for table in TABLES:
        path = place / table
        if not path.is_file():
            continue
        shown = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root):
            findings.append(Finding(f"{shown} is a link that leads out of the folder.", "Copy the table itself.", stops=True))
            continue
        try:
            if path.stat().st_size > TABLE_LIMIT:
                raise ValueError(f"it has more than {TABLE_LIMIT >> 20} MB")
            text = path.read_bytes().decode("utf-8-sig")
            rows = list(_csv(text) if path.suffix == ".csv" else _lines(text))
        except (OSError, ValueError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or ("it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error))
            findings.append(Finding(f"{shown} cannot be read: {reason}.", "Write it with the columns file_name and text.", stops=True))
            continue
        for name, caption in rows:
            inside = os.path.normpath(os.path.join(place.relative_to(root).as_posix(), name)).replace(os.sep, "/")
            told[inside] = caption
    return told, findings


def _csv(text: str) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if rows.fieldnames is None or "file_name" not in rows.fieldnames or "text" not in rows.fieldnames:
        raise ValueError("its first line does not name the columns file_name and text")
    for row in rows:
        yield _pair(row, rows.line_num)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise ValueError(f"line {number} is no JSON") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no JSON object")
            yield _pair(row, number)


def _pair(row: Mapping[str, object], number: int) -> tuple[str, str]:
    name, caption = row.get("file_name"), row.get("text")
    if not isinstance(name, str) or not name or not isinstance(caption, str | None):
        raise ValueError(f"line {number} lacks file_name or text")
    if os.path.isabs(name) or "\0" in name or ".." in Path(name).parts:
        raise ValueError(f"line {number} leads out of the folder")
    return name, caption or ""


def _beside(picture: Path) -> str:
    path = picture.with_suffix(".txt")
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(picture.parent):
            return ""
        with open(path, "rb") as file:
            return file.read(CAPTION_LIMIT * 4).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _cut(caption: str) -> str:
    return " ".join(caption.split())[:CAPTION_LIMIT]
