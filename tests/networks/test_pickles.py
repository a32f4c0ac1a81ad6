"""Pickles become safetensors in a process that runs nothing of them."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modules.core.errors import BadModelFile
from modules.networks import upscalers
from modules.networks.guard import FORBIDDEN
from modules.networks.pickles import converted
from tests.networks import small

PROJECT = Path(__file__).parents[2]
SHA = "ab" * 32


class Command:
    def __init__(self, line: str) -> None:
        self.line = line

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.line,)


def test_weights_arrive_bit_for_bit_and_once(tmp_path: Path) -> None:
    tensors = small.real_esrgan()
    source = small.save(tmp_path / "net.pth", tensors)
    made = converted(source, SHA, tmp_path / "cache")
    assert made == tmp_path / "cache" / f"{SHA}.safetensors"
    assert upscalers.load(made, "cpu", torch.float32).scale == 4
    stamp = made.stat().st_mtime_ns
    source.write_bytes(b"gone")
    assert converted(source, SHA, tmp_path / "cache").stat().st_mtime_ns == stamp
    assert os.listdir(tmp_path / "cache") == [made.name]
    found = load_file(made)
    assert found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in found)


def test_a_pickle_that_calls_something_is_refused_and_nothing_is_called(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"a": torch.zeros(2), "b": Command(f"touch {trace}")}, tmp_path / "evil.pth")
    with pytest.raises(BadModelFile, match="evil.pth could not be converted: it holds more than weights"):
        converted(tmp_path / "evil.pth", SHA, tmp_path / "cache")
    assert not trace.exists()
    assert os.listdir(tmp_path / "cache") == []


def test_what_a_trainer_left_beside_the_weights_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Stable Diffusion's own .ckpt files: a callback's class is the key of its state."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    for part in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    monkeypatch.setitem(sys.modules, name, module)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})  # type: ignore[attr-defined]
    kept = {"state_dict": {"a": torch.arange(3.0)}, "callbacks": {module.ModelCheckpoint: {"best": np.float64(1)}}, "last": module.ModelCheckpoint()}
    torch.save(kept, tmp_path / "x.ckpt")
    assert load_file(converted(tmp_path / "x.ckpt", SHA, tmp_path / "cache"))["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "open({other!r}, 'w')",
        "import os; os.open({other!r}, os.O_CREAT | os.O_WRONLY)",
    ],
)
def test_the_guard_ends_whatever_a_conversion_never_needs(tmp_path: Path, attempt: str) -> None:
    """What would have to happen should a file ever get past torch's own wall."""
    target, other = str(tmp_path / "out"), str(tmp_path / "other")
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom modules.networks.guard import FORBIDDEN, hook\n"
        f"sys.addaudithook(hook(Path({target!r}), lambda: os._exit(FORBIDDEN)))\n"
        f"open({target!r}, 'w').close()\nopen({__file__!r}).close()\n" + attempt.format(other=other)
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=400)
    assert done.returncode == FORBIDDEN, done.stderr
    assert not Path(other).exists()


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    torch.save({"a": 1}, tmp_path / "y.pth")
    with pytest.raises(BadModelFile, match="no weights"):
        converted(tmp_path / "y.pth", SHA, tmp_path / "cache")


def test_limits_hold(tmp_path: Path) -> None:
    """Of memory, and of what is written."""
    for attempt in ("bytearray(2**32)", f"open({str(tmp_path / 'out')!r}, 'wb').write(bytes(2**20))"):
        program = f"from modules.networks.guard import limit\nlimit(2**31, 2**16)\n{attempt}"
        done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, timeout=400)
        assert done.returncode != 0 or os.name == "nt"
