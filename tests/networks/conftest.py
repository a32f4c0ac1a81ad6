"""The tiny model, made once: as a folder and as a single file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.networks import tiny


@pytest.fixture(scope="session")
def networks() -> tuple[Any, Any, Any]:
    return tiny.parts()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, networks: tuple[Any, Any, Any]) -> Path:
    return tiny.save_folder(tmp_path_factory.mktemp("tiny") / "tiny-folder", *networks)


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, networks: tuple[Any, Any, Any]) -> Path:
    return tiny.save_single(tmp_path_factory.mktemp("tiny") / "tiny-single.safetensors", tiny.ldm_tensors(*networks))
