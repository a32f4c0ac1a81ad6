"""A tiny loaded Stable Diffusion 1.x."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modules.catalog import cards
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Family, Model
from tests.networks import tiny


@pytest.fixture(scope="session")
def family() -> Family:
    return FAMILIES_BY_NAME["sd1"]


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_single(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))


@pytest.fixture(scope="session")
def model(family: Family, path: Path) -> Model:
    return family.load(cards.checkpoint(path), "cpu", torch.float32)
