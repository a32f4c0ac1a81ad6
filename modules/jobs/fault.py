"""What of an unexpected error goes into the log: where it happened, and its message only if that quotes nothing of the request."""

from __future__ import annotations

import re
import traceback

from modules.core.wish import Wish

_WORD = re.compile(r"[a-z0-9]{3,}|[^\x00-\x7f]")
"""Beyond ASCII one character may be a word."""


def trace(error: BaseException, request: Wish | None = None) -> str:
    """The frames of an error and of those that led to it, in Python's order, without values and without the request's texts."""
    private = list(request.texts) if request else []
    lines: list[str] = []
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        frames = "".join(traceback.format_tb(chain.__traceback__))
        lines.insert(0, f"{frames}{type(chain).__name__}: {_message(chain, private)}")
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return "\nwhich led to:\n".join(lines)


def _message(error: BaseException, private: list[str]) -> str:
    message = str(error)[:1000]
    words = {word for text in private for word in _WORD.findall(text.casefold())}
    quoted = any(text and text in message for text in private) or words & set(_WORD.findall(message.casefold()))
    return "(message left out: it quotes the request)" if quoted else message
