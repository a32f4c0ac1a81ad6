"""Finds a checkpoint by what people and programs call it: file name, stem, title, path within its folder, or hash. Computes a hash only where one is asked for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.core.errors import BadModelFile, NotFound

TITLE = re.compile(r"^(?P<name>.*\S)\s*\[(?P<hash>[0-9a-fA-F]{8,64})\]$")
HASH = re.compile(r"^[0-9a-f]{8,64}$")
ENDINGS = (".safetensors", ".ckpt", ".gguf", ".pth", ".pt")
NAME_LIMIT = 500


class Listed(NamedTuple):
    """inside: the path within the folder that the card was found in, with forward slashes."""

    card: Card
    inside: str


class Noun(NamedTuple):
    """What is looked for, in messages. field: of the request that names it. place: of such files."""

    what: str = "checkpoint"
    field: str = "model"
    place: str = "models/Stable-diffusion"


CHECKPOINT = Noun()


def find(name: str, sha256: str, listed: Sequence[Listed], hashes: HashCache, noun: Noun = CHECKPOINT) -> Card:
    """See `Library.checkpoint`. Raises NotFound, BadModelFile."""
    name, sha256 = name.strip()[:NAME_LIMIT], sha256.strip().lower()
    title = TITLE.match(name)
    if sha256:
        found = _with_hash(title["name"] if title else name, sha256, listed, hashes)
    elif exact := _called(name, listed):
        found = exact[0]
    elif title:
        found = _with_hash(title["name"], title["hash"].lower(), listed, hashes)
    else:
        found = next((row.card for row in listed if HASH.match(name.lower()) and hashes.known(row.card.path).startswith(name.lower())), None)
    if found is None:
        raise _missing(name, sha256, listed, hashes, noun)
    if found.trouble:
        raise BadModelFile(f"The {noun.what} {found.path.name} cannot be used. {found.trouble}", field=noun.field)
    return found


def titled(name: str, sha256: str) -> str:
    """What `familiar` takes of a picture's name and hash."""
    return f"{name} [{sha256}]" if name and sha256 else name or sha256


def familiar(name: str, listed: Sequence[Listed], hashes: HashCache) -> Card | None:
    """The usable card that is called so, by hashes that are known already: for what a person prefers, which must not wait until gigabytes are read."""
    name = name.strip()[:NAME_LIMIT]
    title = TITLE.match(name)
    called = [card for card in _called(title["name"] if title else name, listed) if not card.trouble]
    sha256 = title["hash"].lower() if title else name.lower()
    same = [row.card for row in listed if HASH.match(sha256) and not row.card.trouble and hashes.known(row.card.path).startswith(sha256)]
    return next(iter([*(card for card in called if card in same), *same, *called]), None)


def _called(name: str, listed: Sequence[Listed]) -> list[Card]:
    """Cards of this name: by path within the folder, else by file name, else by full path; usable ones first."""
    wanted = _plain(name)
    for kind in range(3):
        found = [row.card for row in listed if wanted in _names(row)[kind]]
        if found:
            return sorted(found, key=lambda card: bool(card.trouble))
    return []


def _names(row: Listed) -> tuple[set[str], set[str], set[str]]:
    inside = _plain(row.inside)
    return {inside, _stem(inside)}, {_plain(row.card.path.name), _plain(row.card.name)}, {_plain(str(row.card.path))}


def _with_hash(name: str, sha256: str, listed: Sequence[Listed], hashes: HashCache) -> Card | None:
    """The usable card with this hash: among those of that name, else among hashes known already, else among the files that nobody has hashed yet."""
    if not HASH.match(sha256):
        return None
    usable = [row.card for row in listed if not row.card.trouble]
    named = [card for card in _called(name, listed) if not card.trouble] if name else []
    for candidates, hash_of in ((named, hashes.sha256), (usable, hashes.known), (usable, hashes.sha256)):
        for card in candidates:
            try:
                if hash_of(card.path).startswith(sha256):
                    return card
            except BadModelFile:  # gone or unreadable since it was listed: the others may still have it
                continue
    return None


def _missing(name: str, sha256: str, listed: Sequence[Listed], hashes: HashCache, noun: Noun) -> NotFound:
    usable = {row.card.name.casefold(): row.card for row in reversed(listed) if not row.card.trouble}
    near = difflib.get_close_matches(_stem(_plain(name))[:200], usable, 3, 0.4) or list(reversed(usable))[:3]
    candidates = tuple(usable[stem].name for stem in near)
    named = f" {name[:80]!r}" if name else ""
    hashed = f" with the hash {sha256[:10]}" if sha256 else ""
    what = f"There is no {noun.what}{named}{hashed}."
    if sha256 and name and (other := next((card for card in _called(name, listed) if not card.trouble), None)):
        what += f" {other.path.name} is here, but it is another file: its hash is {hashes.known(other.path)[:10]}."
    remedy = f"Nearest: {', '.join(candidates)}." if candidates else f"Put one into {noun.place} and refresh the list."
    return NotFound(what, remedy, noun.field, candidates)


def _plain(name: str) -> str:
    return name.replace("\\", "/").casefold()


def _stem(name: str) -> str:
    return next((name[: -len(ending)] for ending in ENDINGS if name.endswith(ending)), name)
