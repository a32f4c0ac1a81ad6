"""Easel. The layers and their tour are in ARCHITECTURE.md."""

__version__ = "0.1.0"
