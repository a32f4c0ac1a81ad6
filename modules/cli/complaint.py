"""How an error is said in a terminal: one line on stderr, and an exit code. 1: trouble on the way; 2: bad input."""

from __future__ import annotations

import sys

from modules.core.errors import EaselError, NotFound, OutOfMemory, OutputTrouble, Unavailable

TROUBLE, BAD_INPUT = 1, 2


def complain(text: str, error: Exception | None = None) -> int:
    """The nearest names follow, where the text does not hold them already. -> exit code."""
    missing = [name for name in error.candidates if name not in text] if isinstance(error, NotFound) else []
    print(f"error: {' '.join(text.split())}" + (f" Nearest: {', '.join(missing)}." if missing else ""), file=sys.stderr, flush=True)
    return TROUBLE if isinstance(error, OutputTrouble | OutOfMemory | Unavailable) or type(error) is EaselError else BAD_INPUT
