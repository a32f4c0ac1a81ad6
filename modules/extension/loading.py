"""Turns a folder into an extension: executes its extension.py as a module of a package of its own. Only folders of the user's extensions folders come here.

The package has a name that nothing else imports, so that two extensions cannot see each other and `from .other import x` finds the folder's own files.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from modules.extension import Extension, Place
from modules.extension.registration import NoExtension, class_in

FILE = "extension.py"
PACKAGE = "easel_extensions"
FOREIGN = "It has no extension.py, so it is no extension of Easel. Those of AUTOMATIC1111 cannot be loaded: they reach into its inside. See docs/extensions.md."


def load(place: Place) -> Extension:
    """Raises NoExtension, or whatever the extension's own Python raises."""
    file = place.folder / FILE
    if not file.is_file():
        raise NoExtension(FOREIGN)
    package = f"{PACKAGE}.{re.sub(r'[^0-9A-Za-z_]', '_', place.name)}"
    forget(package)
    for name, folder in ((PACKAGE, None), (package, place.folder)):
        if name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = [str(folder)] if folder else []
    name = f"{package}.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise NoExtension(f"{file} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return class_in(module)(place)
    except BaseException:
        forget(package)
        raise


def forget(package: str) -> None:
    """So that the next load reads the files anew."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def whereabouts(error: BaseException, folder: Path) -> str:
    """ "ValueError in grammar.py, line 12": the innermost place in the extension's own files; without the message, which may quote a prompt."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__} in {Path(error.filename).name}, line {error.lineno}"
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)]
    return f"{type(error).__name__} in {Path(inside[-1].filename).name}, line {inside[-1].lineno}" if inside else type(error).__name__
