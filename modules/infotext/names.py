"""Small texts out of files made fit to be shown or used: one line, no path, not endless. Knows nothing of requests."""

from __future__ import annotations

import json
import re

LENGTH = 1000
"""Characters of a value that the table shows."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half characters, which no encoding of text holds."""

_FILE_ENDING = re.compile(r"\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx)$", re.IGNORECASE)


def file_name(text: str) -> str:
    """The last part of a path of any system; "" for what names no file."""
    name = re.sub(r"^[A-Za-z]:", "", clean(text).replace("\\", "/")).rstrip("/").rpartition("/")[2].strip()
    return "" if name.strip(".") == "" else name[:400]


def clean(text: str) -> str:
    """One line without control characters."""
    return "".join(mark if mark.isprintable() else " " for mark in text[:LENGTH]).strip()


def shown(value: object) -> str:
    """A value as the table shows it: a text as it is, anything else as JSON, cut when long."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool | int | float):
        text = str(value)
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            text = type(value).__name__
    text = SURROGATE.sub("\ufffd", text)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"


def stem(text: str) -> str:
    """The last part of a path without the ending of a weights file; a dot that belongs to the name stays."""
    return _FILE_ENDING.sub("", file_name(text))
