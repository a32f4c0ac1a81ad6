"""Readers for the metadata of other tools, one module each, and what they share: names of samplers, prompt weights, plain JSON access."""
