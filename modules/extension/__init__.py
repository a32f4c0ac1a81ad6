"""The door for extensions: one base class, and the few names that an extension may use. Nothing else of Easel is promised to stay.

An extension is a folder in one of the extensions folders with a file `extension.py` in which exactly one class derives from `Extension`. A hook is a method of
that class; each has a default that does nothing, so an extension writes only those that it needs. Names and signatures are checked when it is loaded.
A hook stands here only because an extension that comes with Easel uses it. How to write one: docs/extensions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from modules.core.limits import PROMPT_LIMIT
from modules.core.request import TEXTS, GenerationRequest

__all__ = ["PROMPT_LIMIT", "TEXTS", "Extension", "GenerationRequest", "JsonValue", "Note", "Place"]

Note = Callable[[str], None]
"""Takes a sentence that the user should read; it is shown with the finished pictures."""


@dataclass(frozen=True)
class Place:
    """name: of the extension, which is its folder's. folder: its own. data: the user's data folder, where it may read what belongs to the user."""

    name: str
    folder: Path
    data: Path


class Extension:
    """description, version: shown in the Extensions tab. A method whose name does not begin with an underscore is a hook and has its signature."""

    description: ClassVar[str] = ""
    version: ClassVar[str] = ""

    def __init__(self, place: Place) -> None:
        """Called once, when the extension is switched on. Should be quick: no picture is drawn before it returns."""
        self.place = place

    def prepare(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        """-> the request to draw in place of this one; the same when there is nothing to change.

        request: of one picture, its styles laid over and its seed drawn. What differs in the answer is recorded in it under `extensions[NAME]["was"]`; more
        may be put there, as JSON. Must depend on nothing but the request and files, so that the same request becomes the same again. Called in the worker's thread.
        """
        return request

    def insertions(self) -> Mapping[str, str]:
        """What the page offers to put into a prompt: the text, and a few words about it. Called by any thread."""
        return {}
