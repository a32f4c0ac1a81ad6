"""The pictures that a request refers to by their content: which there are, what a person calls them, and which of them are not here.

Goes by what a value looks like, so that a parameter or a script's argument that names a picture needs no line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modules.core.blobs import REFERENCE, Blobs
from modules.core.errors import NotFound
from modules.core.params import to_dict, walk

ONE_OF = re.compile(r"\.(\d+)$")
OF_UNIT = re.compile(r"control\.(\d+)\.(image|mask)")
SHOWN = 17
"""Characters of a reference that a person is shown."""


def references(request: Any) -> dict[str, str]:
    """Dotted name -> reference, of those that act: a mask does nothing without a start picture. request: a dataclass of parameters."""
    found = dict(_within(to_dict(request), ""))
    return found if "init.image" in found else {name: reference for name, reference in found.items() if not name.startswith("mask.")}


def missing(request: Any, blobs: Blobs) -> dict[str, str]:
    """What a person calls it -> reference, of those that are not on this machine."""
    kind: type = type(request)
    labels = {field.name: field.param.label for field in walk(kind)}
    return {called(name, labels): reference for name, reference in references(request).items() if not blobs.has(reference)}


def called(name: str, labels: Mapping[str, str]) -> str:
    """ "init.image" -> "the start picture", "images.2" -> "the picture 3"."""
    if found := OF_UNIT.fullmatch(name):
        return f"the {'mask' if found[2] == 'mask' else 'picture'} of control unit {int(found[1]) + 1}"
    of_several = ONE_OF.search(name)
    label = labels.get(ONE_OF.sub("", name), name)
    return f"the {label[:1].lower()}{label[1:]}" + (f" {int(of_several[1]) + 1}" if of_several and int(of_several[1]) else "")


def check(request: Any, blobs: Blobs) -> None:
    """Raises NotFound that names every missing picture."""
    lost = missing(request, blobs)
    if not lost:
        return
    named = " and ".join(f"{name} ({reference[:SHOWN]}…)" for name, reference in lost.items())
    what = f"This needs {named}, which {'is' if len(lost) == 1 else 'are'} not on this machine."
    field = next(name for name, reference in references(request).items() if reference in lost.values())
    it = "it" if len(lost) == 1 else "them"
    raise NotFound(
        what, f"Give {it} again, or take a copy of the picture that was saved with its inputs where {it} still lie{'s' if it == 'it' else ''}.", field
    )


def _within(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if REFERENCE.fullmatch(value):
            yield place, value
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _within(part, f"{place}.{name}" if place else str(name))
