"""Limits of what a request may hold, whichever part of it declares the field; and names that no file may have."""

import re

SEED_LIMIT = 2**63 - 1
PROMPT_LIMIT = 20_000
"""Characters. Longer ones are refused: 20,000 characters are some 70 chunks of 75 tokens."""
NAME_LIMIT = 200
"""Characters of a file's name."""
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself, with any ending."""
