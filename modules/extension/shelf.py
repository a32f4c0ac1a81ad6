"""The extensions of this Easel: which there are, which are on, which failed and why; and their hooks, called so that none of them can cost a picture.

An extension that fails is named, switched off until it is switched on again or Easel starts anew, and shown with its error; the others go on.
Knows no extension in particular and no face.
"""

from __future__ import annotations

import ast
import dataclasses
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modules.core.errors import NotFound
from modules.core.params import adapter, from_dict, to_dict, value_of, walk
from modules.core.request import RECORDED, GenerationRequest
from modules.extension import Extension, Note, Place
from modules.extension.loading import FILE, load, whereabouts
from modules.extension.registration import NoExtension, used
from modules.jobs.fault import trace

State = Literal["on", "off", "failed"]
KEPT = ("count", "batch_size", "styles", "script", "as_is", *RECORDED)
"""What `prepare` leaves as it is: the request stays that of one picture, and of no script."""
RESERVED = ("parts",)
"""Names under which the engine itself records (`engine.ready`)."""
INSERTIONS = 5000
SOURCE = 2**20
"""Bytes of a file that are looked at for its docstring."""
WORDS = 400
"""Characters about one insertion."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One row of the tab. trouble: why it failed, in a sentence. hooks: those that it uses."""

    name: str
    folder: Path
    state: State
    description: str = ""
    version: str = ""
    trouble: str = ""
    hooks: tuple[str, ...] = ()


class Extensions:
    """folders: where extensions lie; of two with one name the first counts. off: the names that are switched off, as the settings have them now.
    enabled: False loads none, whatever the settings say. Any thread may call anything."""

    def __init__(self, folders: Sequence[Path], data: Path, off: Callable[[], Collection[str]] = tuple, enabled: bool = True) -> None:
        self.folders, self.enabled = tuple(folders), enabled
        self._data, self._off = data, off
        self._lock = threading.RLock()
        self._places: dict[str, Place] | None = None
        self._loaded: dict[str, Extension] = {}
        self._failed: dict[str, str] = {}

    def load(self) -> None:
        """Finds the folders and loads what is on; only what is new when it was done before."""
        with self._lock:
            self._places = self._found()
            for gone in self._loaded.keys() - self._places.keys():
                del self._loaded[gone]
            self._failed = {name: why for name, why in self._failed.items() if name in self._places}
            for name in self._places:
                if self._wanted(name):
                    self._load(name)

    def entries(self) -> list[Entry]:
        """All of them, by name."""
        with self._lock:
            return [self._entry(place) for place in self._known().values()]

    def notes(self) -> list[str]:
        """Which failed, one sentence each."""
        with self._lock:
            return [f"The extension {name} is switched off: it failed. The Extensions tab says more." for name in self._failed]

    def awaken(self, name: str) -> Entry:
        """After it was switched on: reads its files anew and loads it. Raises NotFound."""
        with self._lock:
            self._failed.pop(self._place(name).name, None)
            self._loaded.pop(name, None)
            if self._wanted(name):
                self._load(name)
            return self._entry(self._place(name))

    def prepare(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        """The request of one picture after all extensions that are on had their turn. Never raises."""
        for name, one in self._active("prepare"):
            said: list[str] = []
            try:
                request = checked(name, request, one.prepare(request, said.append))
            except (Exception, SystemExit) as error:
                self._fail(name, error, request)
                said = [f"The extension {name} failed ({whereabouts(error, one.place.folder)}) and was switched off. The pictures were made without it."]
            for sentence in said:
                note(str(sentence)[:1000])
        return request

    def insertions(self) -> dict[str, str]:
        """What the page offers to put into a prompt. Never raises."""
        found: dict[str, str] = {}
        for name, one in self._active("insertions"):
            try:
                offered = {str(text): str(about)[:WORDS] for text, about in one.insertions().items()}
            except (Exception, SystemExit) as error:
                self._fail(name, error)
                continue
            found |= dict(list(offered.items())[:INSERTIONS])
        return found

    def _active(self, hook: str) -> list[tuple[str, Extension]]:
        with self._lock:
            self._known()
            return [(name, one) for name, one in sorted(self._loaded.items()) if self._wanted(name) and hook in used(type(one))]

    def _wanted(self, name: str) -> bool:
        return self.enabled and name not in self._failed and name not in self._off()

    def _known(self) -> Mapping[str, Place]:
        if self._places is None:
            self.load()
        return self._places or {}

    def _place(self, name: str) -> Place:
        place = self._known().get(name)
        if place is None:
            raise NotFound(f"There is no extension {name[:80]!r}.", "Look at the list in the Extensions tab.", "name")
        return place

    def _found(self) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for folder in self.folders:
            try:
                inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith((".", "_")))
            except OSError:
                continue
            for one in inside:
                found.setdefault(one.name, Place(one.name, one.resolve(), self._data))
        return dict(sorted(found.items()))

    def _load(self, name: str) -> None:
        if name in self._loaded:
            return
        place = self._place(name)
        try:
            if name in RESERVED:
                raise NoExtension(f"{name} is a name of Easel's own; give the folder another one.")
            self._loaded[name] = load(place)
        except NoExtension as error:
            self._failed[name] = str(error)
        except (Exception, SystemExit) as error:
            self._fail(name, error)
            self._failed[name] = f"{whereabouts(error, place.folder)}: {error}"[:1000]

    def _fail(self, name: str, error: BaseException, request: GenerationRequest | None = None) -> None:
        logger.error("The extension %s failed and is switched off.\n%s", name, trace(error, request))
        with self._lock:
            self._loaded.pop(name, None)
            why = f" {error}" if isinstance(error, NoExtension) else ""
            self._failed[name] = f"{whereabouts(error, self._place(name).folder)}.{why} The log says more."

    def _entry(self, place: Place) -> Entry:
        one = self._loaded.get(place.name)
        state: State = "failed" if place.name in self._failed else "on" if one is not None and self._wanted(place.name) else "off"
        about = (one.description, one.version, used(type(one))) if one is not None else (_description(place.folder / FILE), "", ())
        return Entry(place.name, place.folder, state, about[0][:WORDS], about[1][:40], self._failed.get(place.name, ""), about[2])


def _description(file: Path) -> str:
    """Of one that is not loaded: the first line of its docstring, read without executing anything."""
    try:
        with file.open("rb") as source:
            return (ast.get_docstring(ast.parse(source.read(SOURCE))) or "").partition("\n")[0]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def checked(name: str, before: GenerationRequest, after: Any) -> GenerationRequest:
    """What `prepare` answered, with what it changed recorded under its name. Raises NoExtension, InvalidRequest."""
    if after is before:
        return before
    if not isinstance(after, GenerationRequest):
        raise NoExtension(f"prepare must return a GenerationRequest, and returned {type(after).__name__}.")
    after = from_dict(GenerationRequest, adapter(GenerationRequest).dump_python(after, mode="json", warnings=False))
    changed = {
        one.name: _plain(value_of(before, one)) for one in walk(GenerationRequest) if one.name != "extensions" and value_of(before, one) != value_of(after, one)
    }
    if wrong := [one for one in changed if one.split(".")[0] in KEPT]:
        raise NoExtension(f"prepare may not change {', '.join(wrong)}.")
    if {**after.extensions, name: {}} != {**before.extensions, name: {}}:
        raise NoExtension(f"prepare may record only under {name}.")
    if not changed:
        return before
    record = {**after.extensions.get(name, {}), "was": changed}
    return from_dict(GenerationRequest, to_dict(dataclasses.replace(after, extensions={**after.extensions, name: record})))
