"""The scripts of A1111, as sweeps over requests: one module each, this list, and nothing of them in the engine. No torch."""

from __future__ import annotations

from modules.core.registry import Registry
from modules.engine.sweeps import loopback, outpainting_mk2, poor_mans_outpainting, prompt_matrix, prompts_from_file, sd_upscale, xyz_plot
from modules.engine.sweeps.script import ScriptRecord

SWEEPS: Registry[ScriptRecord] = Registry(
    "script",
    "script.name",
    [
        loopback.SCRIPT,
        outpainting_mk2.SCRIPT,
        poor_mans_outpainting.SCRIPT,
        prompt_matrix.SCRIPT,
        prompts_from_file.SCRIPT,
        sd_upscale.SCRIPT,
        xyz_plot.SCRIPT,
    ],
)
"""In the order of A1111's lists."""
