"""How much of a file is read before it is given up. Every number guards memory or time against files made to exhaust them."""

FILE = 256 * 2**20
"""Bytes of a file."""
INPUT = 64 * 2**20
"""Bytes of one input picture that a file carries along."""
TEXT = 8 * 2**20
"""Bytes of one text, after decompression. ComfyUI's larger graphs have a few."""
TEXTS = 32 * 2**20
"""Bytes of all texts of a file together."""
CHUNKS = 200_000
"""Chunks or segments that are walked; a 256 MB PNG in the customary 8 KB pieces has 33,000."""
NAMED = 500
"""Texts with different names."""
PIXELS = 64 * 2**20
"""Pixels of a picture that is decoded to look for a text hidden in them; told by its header."""
DEPTH = 64
"""Nesting that is followed in a graph or in brackets."""
NODES = 3000
"""Nodes of a graph that are looked at; large real ones have some hundreds."""
