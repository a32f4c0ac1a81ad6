"""Models fetched from the hub or from an address, as tasks: only when a person asks, listed only when whole, gone on with after a break.

Nothing of a fetched file runs: safetensors and GGUF are taken, pickles only where the person says so, and those are read by `networks.convert` alone.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict

from modules.catalog import header
from modules.catalog.scan import Library
from modules.core.addresses import PORTS, Refused, is_public, parts_of, place
from modules.core.errors import BadModelFile, InvalidRequest, NotFound, OutputTrouble
from modules.core.files import make_folder, publish
from modules.core.options import Options
from modules.core.params import STRICT, Param
from modules.engine.names import FORBIDDEN, safe
from modules.stock import hub
from modules.stock.download import Wanted, Web, fetch, forget, name_in
from modules.stock.groups import BY_ID
from modules.stock.hub import Listing, Offer
from modules.stock.ids import id_of
from modules.stock.making import PICKLES
from modules.stock.tasks import Task, Tasks

LANE = "web"
REMEMBERED = 20
"""Listings that were looked at lately."""


@dataclass(frozen=True, kw_only=True)
class FromHub:
    """offer: id of what the repository offers. group: where it is put."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    repository: Annotated[str, Param("Repository", max_length=400, hint="owner/name")]
    revision: Annotated[str, Param("Revision", max_length=100, hint="A branch, tag or commit; empty for the latest.")] = ""
    offer: Annotated[str, Param("File", max_length=400)] = ""
    group: Annotated[str, Param("Kind", max_length=40)] = "checkpoint"


@dataclass(frozen=True, kw_only=True)
class FromAddress:
    """sha256: what the whole must have, "" to take what comes. name: of the file, "" for the address's own."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    url: Annotated[str, Param("Address", max_length=4000)]
    group: Annotated[str, Param("Kind", max_length=40)] = "checkpoint"
    name: Annotated[str, Param("Name", max_length=200)] = ""
    sha256: Annotated[str, Param("sha256", max_length=64)] = ""
    pickles: Annotated[bool, Param("Take a pickle, too", hint="It is read in a process of its own that runs nothing of it.")] = False


class Getting:
    """options: which hub, and whether private addresses may be asked. web: how to reach the web. Any thread may call anything."""

    def __init__(self, library: Library, tasks: Tasks, options: Options, web: Web | None = None) -> None:
        self._library, self._tasks, self._options = library, tasks, options
        self._models = options.paths.models
        self._web = web or Web(allowed=(lambda address: True) if options.private_sources else is_public)
        self._seen: dict[tuple[str, str], Listing] = {}

    def look(self, repository: str, revision: str = "") -> dict[str, Any]:
        """What a repository holds, for a person to choose from. Raises EaselError."""
        listing = self._listing(*hub.named(repository, revision), anew=True)
        rows = [
            {"id": offer.id, "name": offer.name, "files": len(offer.files), "size": offer.size, "folder": offer.folder, "variant": offer.variant}
            for offer in hub.offers(listing)
        ]
        told = {"repository": listing.repository, "revision": listing.revision, "licence": listing.licence, "base": listing.base, "gated": listing.gated}
        return {**told, "group": listing.group, "login": bool(listing.token), "offers": rows}

    def from_hub(self, wish: FromHub, owner: str = "") -> Task:
        """Starts it. Raises EaselError for what can be told at once."""
        listing = self._listing(*hub.named(wish.repository, wish.revision))
        offer = next((offer for offer in hub.offers(listing) if offer.id == wish.offer), None)
        if offer is None:
            raise NotFound(f"{listing.repository} offers no {wish.offer[:80]!r}.", "Look at the repository again.", "offer")
        folder = self._folder(wish.group)
        parts = urlsplit(listing.endpoint)
        web = Web(f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}", self._web.resolve, self._web.allowed, self._web.pauses)
        target = folder / (safe(FORBIDDEN.sub("_", offer.name)) or "model")
        self._free(target)
        if not offer.folder:
            return self._one(self._wanted(listing, offer, 0, target), web, f"{target.name} ({listing.repository})", owner)
        return self._several(listing, offer, target, web, owner)

    def from_address(self, wish: FromAddress, owner: str = "") -> Task:
        """Starts it. Raises EaselError for what can be told at once."""
        url, sha256 = wish.url.strip(), wish.sha256.strip().lower()
        try:
            home = place(parts_of(url))[0]
        except (Refused, ValueError) as refused:
            raise InvalidRequest(f"The address cannot be used: {refused}.", "Give the whole address of the file, with https:// in front.", "url") from None
        if sha256 and (len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef")):
            raise InvalidRequest("sha256 is no hash of 64 digits.", "Copy it whole, or leave it empty.", "sha256")
        name = safe(FORBIDDEN.sub("_", wish.name.strip() or name_in(url)))
        own = Path(name_in(url)).suffix.lower()
        if name and Path(name).suffix.lower() not in (*hub.WEIGHTS, *PICKLES):
            name += own if own in (*hub.WEIGHTS, *PICKLES) else ".safetensors"
        if not name:
            raise InvalidRequest("The address names no file.", "Give the file a name.", "name")
        if Path(name).suffix.lower() in PICKLES and not wish.pickles:
            what = f"{name} is a pickle, which can hold programs."
            raise InvalidRequest(
                what, "Look for it as .safetensors; or say that a pickle may be taken: it is only ever read in a process that runs nothing of it.", "pickles"
            )
        target = self._folder(wish.group) / name
        self._free(target)
        return self._one(Wanted(url, target, 0, sha256), self._web, f"{name} ({home})", owner)

    def _one(self, wanted: Wanted, web: Web, title: str, owner: str) -> Task:
        def work(task: Task) -> tuple[str, str]:
            fetch(wanted, web, _progress(task), lambda path: _whole(path, wanted.target.name), task.stop)
            self._library.refresh()
            return f"{wanted.target.name} is in {wanted.target.parent}.", id_of(wanted.target.resolve())

        return self._tasks.start("download", title, work, owner, LANE, lambda: forget(wanted))

    def _several(self, listing: Listing, offer: Offer, target: Path, web: Web, owner: str) -> Task:
        """Into a hidden folder, which gets its name when every file is there."""
        hidden = Wanted(f"{listing.repository}@{listing.revision}:{offer.id}", target).part

        def one(task: Task, number: int, done: int, say: Callable[[int, int], None]) -> None:
            file = offer.files[number]
            into = hidden / Path(*Path(file.path).parts)
            if not into.is_file():
                make_folder(into.parent)
                wanted = self._wanted(listing, offer, number, into)
                fetch(wanted, web, lambda there, _: say(done + there, offer.size), lambda path: _whole(path, into.name), task.stop)

        def work(task: Task) -> tuple[str, str]:
            done, say = 0, _progress(task)
            for number, file in enumerate(offer.files):
                one(task, number, done, say)
                done += file.size
            publish(hidden, target)
            self._library.refresh()
            return f"{target.name} is in {target.parent}.", id_of(target.resolve())

        return self._tasks.start("download", f"{target.name} ({listing.repository})", work, owner, LANE, lambda: shutil.rmtree(hidden, ignore_errors=True))

    def _wanted(self, listing: Listing, offer: Offer, number: int, target: Path) -> Wanted:
        file = offer.files[number]
        secret = {"Authorization": f"Bearer {listing.token}"} if listing.token else {}
        return Wanted(listing.url(file), target, file.size, file.sha256, secret, f"{listing.repository}@{listing.revision}:{file.path}")

    def _listing(self, repository: str, revision: str, anew: bool = False) -> Listing:
        key = repository, revision
        if anew or key not in self._seen:
            found = hub.look(repository, revision, self._options.hub)
            self._seen[key] = self._seen[found.repository, found.revision] = found
            while len(self._seen) > REMEMBERED:
                self._seen.pop(next(iter(self._seen)))
        return self._seen[key]

    def _folder(self, group: str) -> Path:
        if group not in BY_ID:
            raise InvalidRequest(f"group = {group[:40]!r} is not known.", f"Give one of {', '.join(BY_ID)}.", "group")
        return self._models / BY_ID[group].folder

    def _free(self, target: Path) -> None:
        if target.exists():
            raise OutputTrouble(f"{target.name} is in {target.parent} already.", "Move that file away first, or give the new one another name.")


def _progress(task: Task) -> Callable[[int, int], None]:
    """Turns bytes into a share and a word on it."""
    start, first = time.monotonic(), -1

    def say(there: int, total: int) -> None:
        nonlocal first
        now = time.monotonic()
        first = there if first < 0 else first
        speed = (there - first) / max(now - start, 0.1)
        told = f"{_size(there)} of {_size(total)}" if total else _size(there)
        left = f", {_time((total - there) / speed)} left" if total and speed > 1000 and there < total else ""
        task.report(there / total if total else 0.0, f"{told}, {_size(int(speed))}/s{left}" if speed > 1000 else told)

    return say


def _whole(path: Path, name: str) -> None:
    """Raises BadModelFile for what calls itself safetensors and is none: a page that asks for a login, a pointer, a part."""
    if name.endswith(".safetensors"):
        try:
            header.read(path)
        except BadModelFile as error:
            path.unlink(missing_ok=True)
            raise BadModelFile(error.what.replace(path.name, name), "Check the address: it may lead to a page instead of the file.") from None


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
