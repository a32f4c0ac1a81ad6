"""Checks an extension's class before anything of it is called: that there is one, that each public method is a hook, and that it takes what it will be given.

Knows no extension, no folder and no hook in particular: the base class says which there are.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from modules.extension import Extension


class NoExtension(Exception):
    """Why a folder's Python is no extension, as a sentence for its author."""


def hooks() -> dict[str, inspect.Signature]:
    """By name, as the base class declares them."""
    return {name: inspect.signature(method) for name, method in _methods(Extension) if not name.startswith("_")}


def class_in(module: ModuleType) -> type[Extension]:
    """The module's one extension, checked. Raises NoExtension."""
    mine = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Extension) and one.__module__ == module.__name__]
    if len(mine) != 1:
        found = f"it has {len(mine)}: {', '.join(one.__name__ for one in mine)}" if mine else "it has none"
        raise NoExtension(f"extension.py must define exactly one class that derives from Extension; {found}.")
    check(mine[0])
    return mine[0]


def check(one: type[Extension]) -> None:
    """Raises NoExtension."""
    known = hooks()
    for name, method in _methods(one):
        if name.startswith("_"):
            continue
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"Near it: {near[0]}." if near else f"There are: {', '.join(known)}."
            raise NoExtension(f"There is no hook {name}. {hint} A method of the extension's own begins with an underscore.")
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method):
            raise NoExtension(f"{name} must be a plain method that returns its answer.")
        taken = [parameter.name for parameter in inspect.signature(method).parameters.values()]
        wanted = [parameter.name for parameter in known[name].parameters.values()]
        if taken != wanted:
            raise NoExtension(f"{name} takes ({', '.join(taken)}) but is called with ({', '.join(wanted)}).")
    if plain := next((name for name in known if not callable(getattr(one, name))), ""):
        raise NoExtension(f"{plain} must be a method.")
    for name in ("description", "version"):
        if not isinstance(getattr(one, name), str):
            raise NoExtension(f"{name} must be a text.")


def used(one: type[Extension]) -> tuple[str, ...]:
    """The hooks that an extension has made its own."""
    return tuple(name for name in hooks() if getattr(one, name) is not getattr(Extension, name))


def _methods(one: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Functions of the class and of its bases, without those of the door and of Python."""
    for base in reversed(one.__mro__[: one.__mro__.index(Extension) + (one is Extension)]):
        for name, value in vars(base).items():
            if inspect.isfunction(value) or isinstance(value, staticmethod | classmethod):
                yield name, value.__func__ if isinstance(value, staticmethod | classmethod) else value
