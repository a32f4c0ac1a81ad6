"""`models`: what lies in the model folders, or in the files and folders that are named: kind, family, precision, hashes, trouble. Starts nothing, loads nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from modules.catalog import cards, old_hashes, titles
from modules.catalog.card import Card, Kind
from modules.catalog.hashes import HashCache
from modules.catalog.remembered import CardMemory
from modules.catalog.scan import ADDITIONS, Library
from modules.catalog.walk import walk
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import BadWords, Parser, nearest
from modules.core.errors import EaselError
from modules.core.settings import SettingsStore

KINDS: tuple[str, ...] = get_args(Kind)


def run(words: Sequence[str]) -> int:
    """-> 0; 1 when a named path is not there."""
    parser = Parser("models", "Lists model files: what each is, as its header says. Nothing of a file is executed, and nothing is loaded.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders; without any, the folders in which Easel looks for models")
    parser.add_argument("--json", action="store_true", help="a list of tables, for programs")
    parser.add_argument("--kind", action="append", default=[], metavar="KIND", help=f"only this kind; may be given several times: {', '.join(KINDS)}")
    parser.add_argument("--hash", action="store_true", help="compute the hashes that are not known yet (about a second per GB)")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    kinds = _kinds(found.kind)
    options = options_of(found)
    hashes = HashCache(options.paths.hash_cache if options.paths.hash_cache.is_file() or found.hash else None)
    missing: list[str] = []
    if found.paths:
        listed = list(_named([Path(name) for name in found.paths], missing))
    else:
        paths = options.paths.with_more(SettingsStore(options.paths.settings, repair=False).value.extra_model_folders)
        listed = Library(paths, hashes, CardMemory(None)).files()
    rows = [_row(card, hashes, found.hash) for card in listed if not kinds or card.kind in kinds]
    print(json.dumps(rows, ensure_ascii=False, indent=2) if found.json else _table(rows))
    for name in missing:
        print(f"There is no file or folder {name!r}.", file=sys.stderr)
    return 1 if missing else 0


def _kinds(words: Sequence[str]) -> set[str]:
    """Kinds. Raises BadWords."""
    kinds: set[str] = set()
    for word in words:
        if word not in KINDS:
            raise BadWords(f"There is no kind {word[:80]!r}. {nearest(word, list(KINDS))}")
        kinds.add(word)
    return kinds


def _named(paths: Sequence[Path], missing: list[str]) -> Iterator[Card]:
    for path in paths:
        if path.is_file():
            yield cards.addition(path)
        elif path.is_dir():
            for one in walk([path], ADDITIONS, folders=True):
                yield cards.checkpoint(one.path) if one.path.is_dir() else cards.addition(one.path)
        else:
            missing.append(str(path))


def _row(card: Card, hashes: HashCache, compute: bool) -> dict[str, Any]:
    """What is told of one file. family: the architecture's word; loads_as: the record that loads it."""
    return {
        "path": str(card.path),
        "kind": card.kind,
        "family": card.architecture,
        "loads_as": card.family,
        "variant": card.variant,
        "prediction": card.prediction,
        "prediction_guessed": card.guessed,
        "precision": card.precision,
        "tensors": card.tensors,
        "size": card.size,
        "hashes": _hashes(card, hashes, compute),
        "trouble": card.trouble,
    }


def _hashes(card: Card, hashes: HashCache, compute: bool) -> dict[str, str]:
    """Those that are known, and with `compute` all: A1111's three, the one of the network extension it had first, and InvokeAI's."""
    path = card.path
    found: dict[str, str] = {}
    try:
        whole = hashes.sha256(path) if compute else hashes.known(path)
        found = {"sha256": whole, "autov2": whole[:10]} if whole else {}
        if path.is_file():
            found["autov1"] = found["addnet_legacy"] = old_hashes.autov1(path)
            data = hashes.data_sha256(path) if compute else hashes.known_data(path)
            found |= {"autov3": data[:12], "sshs_model_hash": data} if data else {}
            if compute:
                found["blake3"] = old_hashes.blake3_of(path)
        found |= {f"{name}_told": card.metadata[name] for name in ("sshs_model_hash", "sshs_legacy_hash") if card.metadata.get(name)}
    except (EaselError, OSError):  # what is wrong with the file is said as its trouble
        pass
    return {name: value for name, value in found.items() if value}


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        what = titles.title(row["family"], row["kind"]) if row["kind"] != "unknown" else "unknown"
        guess = "?" if row["prediction_guessed"] else ""
        facts = [
            row["kind"],
            row["family"],
            row["variant"],
            f"{row['prediction']}{guess}",
            row["precision"],
            f"{row['tensors']} tensors" if row["tensors"] else "",
        ]
        short = row["hashes"].get("autov2", "")
        lines.append(f"{row['path']}\n    {what}: {', '.join(dict.fromkeys(filter(None, [*facts, short])))}")
        if row["trouble"]:
            lines.append(f"    -> {row['trouble']}")
    lines.append(f"{len(rows)} {'file' if len(rows) == 1 else 'files'}")
    return "\n".join(lines)
