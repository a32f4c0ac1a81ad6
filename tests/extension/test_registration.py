"""An extension's class is checked before anything of it is called: names and signatures of its hooks, and that there is one class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType

import pytest

from modules.core.request import GenerationRequest
from modules.extension import Extension, Note
from modules.extension.registration import NoExtension, check, class_in, hooks, used


class Plain(Extension):
    def prepare(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        return self._own(request)

    def _own(self, request: GenerationRequest) -> GenerationRequest:
        return request


def test_every_hook_is_used_by_an_extension_that_comes_with_easel_and_does_nothing_by_itself() -> None:
    from extensions.wildcards.extension import Wildcards

    assert set(hooks()) == set(used(Wildcards))
    idle = Extension.__new__(Extension)
    request = GenerationRequest(prompt="a")
    assert idle.prepare(request, print) is request and idle.insertions() == {}
    assert all(inspect.getdoc(getattr(Extension, name)) for name in hooks())


def test_what_it_uses() -> None:
    assert used(Plain) == ("prepare",) and used(Extension) == ()
    check(Plain)


class Misspelt(Extension):
    def prepair(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        return request


class Stranger(Extension):
    def xyz(self) -> None: ...


class TooFew(Extension):
    def prepare(self, request: GenerationRequest) -> GenerationRequest:  # type: ignore[override]
        return request


class Renamed(Extension):
    def prepare(self, wish: GenerationRequest, note: Note) -> GenerationRequest:
        return wish


class More(Extension):
    def insertions(self, of: str = "") -> Mapping[str, str]:
        return {}


class Static(Extension):
    @staticmethod
    def insertions() -> Mapping[str, str]:
        return {}


class Later(Extension):
    async def insertions(self) -> Mapping[str, str]:  # type: ignore[override]
        return {}


class Bit(Extension):
    def insertions(self):
        yield "a"


class NoMethod(Extension):
    prepare = 3  # type: ignore[assignment]


class Numbered(Extension):
    version = 3  # type: ignore[assignment]


class Heir(Misspelt):
    pass


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Misspelt, "no hook prepair. Near it: prepare"),
        (Heir, "no hook prepair"),
        (Stranger, "There are: prepare, insertions"),
        (TooFew, r"prepare takes \(self, request\) but is called with \(self, request, note\)"),
        (Renamed, "wish"),
        (More, "of"),
        (Static, r"takes \(\)"),
        (Later, "plain method"),
        (Bit, "plain method"),
        (NoMethod, "prepare must be a method"),
        (Numbered, "version must be a text"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_wrong_is_said(one: type[Extension], said: str) -> None:
    with pytest.raises(NoExtension, match=said):
        check(one)


def test_a_module_has_exactly_one() -> None:
    module = ModuleType("extension")
    with pytest.raises(NoExtension, match="it has none"):
        class_in(module)
    vars(module).update(Extension=Extension, Foreign=Plain)  # imported, not defined there
    with pytest.raises(NoExtension, match="it has none"):
        class_in(module)
    mine = {name: type(name, (Extension,), {"__module__": "extension"}) for name in ("One", "Two")}
    vars(module).update(One=mine["One"])
    assert class_in(module) is mine["One"]
    vars(module).update(mine)
    with pytest.raises(NoExtension, match="it has 2: One, Two"):
        class_in(module)
