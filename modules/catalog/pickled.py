"""Reads which tensors a torch file (.pth, .pt, .ckpt) holds by taking its pickle's opcodes apart: nothing of it is built, called or imported. No torch.

What matters is the pattern that `torch.save` writes: a name, then `_rebuild_tensor_v2` with a storage, an offset and a shape. Everything else becomes a
placeholder. Sources: CPython's pickletools; torch/serialization.py for the two containers (a zip since torch 1.6, a row of pickles before it).
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from modules.catalog.header import Entry, Header
from modules.core.errors import BadModelFile

PICKLE_LIMIT = 32 * 2**20
"""Bytes of the pickle itself, in which the weights are not; real ones have some 100 kB."""
STEPS = 2_000_000
"""Opcodes that are followed."""
LEGACY = 3
"""Pickles before the one with the tensors in a file from before torch 1.6: a magic number, a version, the machine."""

DEPTH = 3
"""Tables within tables that are looked into: adapters keep two, hypernetworks a pair of tables for each width."""

MOST = 200_000
"""Values that are looked at."""

DTYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
WRAPPERS = ("string_to_param", "model_state_dict", "state_dict", "params_ema", "params-ema", "params", "model", "net")
"""Keys under which trainers keep the tensors, the wanted ones first (EMA before the raw weights). string_to_param: of A1111's textual inversions."""
REMEDY = "Download it again, or convert it to .safetensors."


class Global(NamedTuple):
    """A class or function that the pickle names."""

    name: str


class _Mark:
    """Where a group of values on the stack begins."""


MARK = _Mark()
Tree = dict[Any, Any]


def read(path: Path) -> Header:
    """Names, types and shapes of the tensors; no offsets. Raises BadModelFile that says what the file is instead."""
    try:
        with open(path, "rb") as file:
            found = _zipped(path, file) if zipfile.is_zipfile(file) else _legacy(file)
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, NotImplementedError, EOFError, RecursionError, zipfile.BadZipFile, UnicodeError):
        found = None  # pickletools and zipfile raise whatever damaged bytes lead to
    tensors = {name: value for name, value in flat(unwrapped(found)) if isinstance(value, Entry)} if found else {}
    if not tensors:
        raise BadModelFile(f"{path.name} is no file of tensors that torch wrote, or it is damaged.", REMEDY)
    return Header(tensors)


def unwrapped(found: Any) -> Tree:
    """The table of tensors inside what a trainer saved. Also for tables that were really loaded."""
    for _ in range(3):
        if not isinstance(found, dict):
            return {}
        inner = next((found[key] for key in WRAPPERS if isinstance(found.get(key), dict)), None)
        if inner is None and len(found) == 1:
            inner = next((value for value in found.values() if isinstance(value, dict)), None)
        if inner is None:
            return found
        found = inner
    return found if isinstance(found, dict) else {}


def flat(found: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of everything in tables within tables, named with dots: `image_proj.proj.weight`. Also for tables that were really loaded.
    A table may hold itself: depth and number of what is looked at are limited."""
    waiting = deque([("", found, DEPTH)])
    seen = 0
    while waiting and seen < MOST:
        prefix, table, depth = waiting.popleft()
        for key, value in table.items() if isinstance(table, dict) else enumerate(table):
            seen += 1
            if isinstance(value, (dict, tuple, list)) and not isinstance(value, Entry):
                if depth and len(waiting) < MOST:
                    waiting.append((f"{prefix}{key}.", value, depth - 1))
            elif isinstance(key, (str, int)):
                yield f"{prefix}{key}", value


def _zipped(path: Path, file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
            raise BadModelFile(f"{path.name} is a TorchScript program, not a file of tensors.", "Take the model's .pth or .safetensors file.")
        inside = next((name for name in names if name.endswith("data.pkl")), None)
        if inside is None:
            return None
        with archive.open(inside) as stream:
            data = stream.read(PICKLE_LIMIT + 1)
    return followed(io.BytesIO(data)) if len(data) <= PICKLE_LIMIT else None


def _legacy(file: BinaryIO) -> Any:
    file.seek(0)
    for _ in range(LEGACY):
        for _opcode in _limited(file):
            pass
    return followed(file)


def _limited(file: BinaryIO) -> Iterator[tuple[str, Any, pickletools.OpcodeInfo]]:
    """The opcodes of one pickle. Raises ValueError for one without end."""
    for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if step > STEPS or step % 1000 == 0 and file.tell() > PICKLE_LIMIT:
            raise ValueError("too long")
        yield opcode.name, argument, opcode


def followed(file: BinaryIO) -> Any:
    """What one pickle describes: dicts of values by key, tensors as `Entry`, None for all else."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for name, argument, opcode in _limited(file):
        if name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "STOP":
            return stack.pop()
        elif step := STEPS_OF.get(name):
            step(stack)
        elif name == "MARK":
            stack.append(MARK)
        elif name == "GLOBAL":
            stack.append(Global(argument))
        else:
            _others(stack, opcode, argument)
    return None


def _others(stack: list[Any], opcode: pickletools.OpcodeInfo, argument: Any) -> None:
    """Plain values as they are, anything else as a placeholder, by what the opcode takes and leaves."""
    before = opcode.stack_before
    if pickletools.markobject in before:
        _to_mark(stack)
        before = before[: before.index(pickletools.markobject)]
    del stack[len(stack) - len(before) :]
    constants = {"NEWTRUE": True, "NEWFALSE": False}
    value = constants.get(opcode.name, argument if isinstance(argument, (str, int)) else None)
    stack.extend([value] * len(opcode.stack_after))


def _to_mark(stack: list[Any]) -> list[Any]:
    group: list[Any] = []
    while (value := stack.pop()) is not MARK:
        group.append(value)
    return group[::-1]


def _set_items(stack: list[Any]) -> None:
    group = _to_mark(stack)
    _put(stack[-1], list(zip(group[::2], group[1::2], strict=False)))


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    _put(stack[-1], [(key, value)])


def _put(place: Any, pairs: list[tuple[Any, Any]]) -> None:
    if isinstance(place, dict):
        place.update((key, value) for key, value in pairs if type(key) in (str, int))


def _stack_global(stack: list[Any]) -> None:
    name, module = stack.pop(), stack.pop()
    stack.append(Global(f"{module} {name}"))


def _reduce(stack: list[Any]) -> None:
    """A call: what torch's own functions would give, else a placeholder."""
    arguments, called = stack.pop(), stack.pop()
    name = called.name if isinstance(called, Global) else ""
    given = arguments if isinstance(arguments, tuple) else ()
    stack.append(_called(name, given))


def _called(name: str, given: tuple[Any, ...]) -> Any:
    if name == "collections OrderedDict":
        return {}
    if name == "torch._utils _rebuild_parameter" and given:
        return given[0]
    if name in ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor") and len(given) > 2:
        storage, shape = given[0], given[2]
        kind = storage[1].name.rpartition(" ")[2] if isinstance(storage, tuple) and len(storage) > 1 and isinstance(storage[1], Global) else ""
        if kind in DTYPES and isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape):
            return Entry(DTYPES[kind], shape)
    return None


def _build(stack: list[Any]) -> None:
    """Gives an object its state: an unknown one is taken for the table that this is, a dict keeps the items that it has."""
    state = stack.pop()
    if stack[-1] is None and isinstance(state, dict):
        stack[-1] = state


def _tuple(count: int) -> Callable[[list[Any]], None]:
    def step(stack: list[Any]) -> None:
        values = tuple(stack[len(stack) - count :])
        del stack[len(stack) - count :]
        stack.append(values)

    return step


STEPS_OF: dict[str, Callable[[list[Any]], None]] = {
    "EMPTY_DICT": lambda stack: stack.append({}),
    "EMPTY_TUPLE": lambda stack: stack.append(()),
    "TUPLE": lambda stack: stack.append(tuple(_to_mark(stack))),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "REDUCE": _reduce,
    "STACK_GLOBAL": _stack_global,
    "BINPERSID": lambda stack: None,  # a storage: the tuple that stands for it is already on the stack
    "BUILD": _build,
}
"""Opcode -> what it does to the stack."""
