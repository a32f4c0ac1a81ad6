"""A checkpoint of one file as a diffusers folder, or the other way round, in a child process that is asked how far it is and ended when nobody wants it any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from modules.core import errors
from modules.core.errors import BadModelFile, EaselError
from modules.core.paths import PROJECT
from modules.networks.streaming import Report

Layout = Literal["as it is", "single file", "diffusers folder"]
REMEDY = "The window in which Easel runs shows the details."


def relayout(source: Path, target: Path, report: Report, config: Path | None = None, prediction: str = "") -> None:
    """target: a folder, or a .safetensors file; neither is there yet. Raises what the child said, and what `report` raises."""
    to = "file" if target.suffix == ".safetensors" else "folder"
    command = [sys.executable, "-m", "modules.networks.relayout", to, str(source), str(target), str(config or ""), prediction]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    said: dict[str, str] = {}
    try:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("{"):
                said = json.loads(line)
            else:
                report(float(line))
    except BaseException:
        child.kill()
        raise
    finally:
        child.wait()
    if child.returncode:
        raise _error(said) if said else BadModelFile(f"{source.name} could not be rewritten.", REMEDY)


def _error(said: dict[str, str]) -> EaselError:
    kind = getattr(errors, said.get("error", ""), EaselError)
    made = kind if isinstance(kind, type) and issubclass(kind, EaselError) else EaselError
    return made(said.get("detail", ""), said.get("remedy", ""), said.get("field", ""))
