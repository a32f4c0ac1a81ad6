"""A whole stock over an empty models folder, and a way to wait for its tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.paths import Paths
from modules.stock.making import Making
from modules.stock.stock import Stock
from modules.stock.tasks import Task, Tasks

PATIENCE = 60.0


@dataclass(frozen=True)
class House:
    paths: Paths
    library: Library
    stock: Stock
    tasks: Tasks
    making: Making

    @property
    def models(self) -> Path:
        return self.paths.models

    def id(self, name: str) -> str:
        self.library.refresh()
        return str(next(row["id"] for row in self.stock.rows() if row["name"] == name))


@pytest.fixture
def house(tmp_path: Path) -> House:
    paths = Paths(data=tmp_path, models=tmp_path / "models")
    library, tasks = Library(paths, HashCache(None)), Tasks()
    stock = Stock(library, paths.favourites)
    return House(paths, library, stock, tasks, Making(stock, library, paths, tasks))


@pytest.fixture
def over() -> Callable[[Task], Task]:
    """Waits for a task to end."""

    def wait(task: Task) -> Task:
        named: Any = next((thread for thread in threading.enumerate() if thread.name == f"easel-{task.kind}"), None)
        while task.state in ("waiting", "running"):
            assert named is not None and named.is_alive() or task.state not in ("waiting", "running")
            named.join(PATIENCE)
        return task

    return wait
