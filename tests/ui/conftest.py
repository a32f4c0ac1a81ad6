"""A whole App on an empty data folder, whose worker draws without networks."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from modules.jobs.job import Job
from modules.jobs.worker import Worker
from tests.jobs.drawing import Drawing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.ui.tab import Tab

PATIENCE = 60.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in a browser, and no others, are tried a second time when they fail; that is told at the end (docs/decisions/0021)."""
    if not config.pluginmanager.hasplugin("rerunfailures") or config.getoption("reruns") == 0:
        return
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))


class DrawnApp(App):
    """The App as it is, but for the engine. gate: cleared, it holds every step back."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.drawing = Drawing(self.paths.outputs)
        self.worker = Worker(self.queue, lambda: self.drawing)
        self._warmth = ""

    @property
    def gate(self) -> threading.Event:
        return self.drawing.gate

    def start(self) -> None:
        self.worker.start()

    def until(self, id: str, *states: str) -> Job:
        """Waits for a job to be in one of these states."""
        for _ in range(10_000):
            version = self.queue.version
            job = self.queue.get(id)
            if job.state.value in states:
                return job
            assert self.queue.wait(version, PATIENCE) != version, f"job {id} stayed {job.state.value}"
        raise AssertionError(f"job {id} never was {states}")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[DrawnApp]:
    """Started; its models folder is empty, so the starter is the only checkpoint."""
    app = DrawnApp(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    app.start()
    yield app
    app.gate.set()
    app.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests of the page, and none outside of this folder: while it is there, its thread runs no other loop."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")
    from playwright.sync_api import expect

    from tests.ui import page as at

    if at.find_chromium() is None:
        reason = f"NO BROWSER: none of {', '.join(at.NAMES)} is on the PATH, so the page was not tried in one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=at.PATIENCE * 1000)
    with at.browsing() as browser:
        yield browser


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shared server finds in its folder: wildcards, a style, a small upscaler, an adapter that guides the starter model, a network for soft edges, an extension that does not start. Its pictures come from all tests:
    who counts them, counts what was added."""
    from modules.catalog.scan import STARTER
    from tests.networks import small, tiny_control, tiny_lines

    data = tmp_path_factory.mktemp("served")
    (data / "wildcards").mkdir()
    (data / "wildcards" / "thing.txt").write_text("rocket\npanda\ncactus\ncastle\n", "utf-8")
    (data / "styles.csv").write_text("name,prompt,negative_prompt\nfilm,film grain,cartoon\n", "utf-8")
    small.save(data / "more" / "2x-small.safetensors", small.esrgan(scale=2))
    widths = tuple(json.loads((STARTER / "unet" / "config.json").read_text())["block_out_channels"])
    tiny_control.save_authors(data / "models" / "ControlNet" / "t2iadapter_canny_small.safetensors", tiny_control.t2i_adapter("full_adapter_xl", widths))
    tiny_lines.save(data / "models" / "annotators", "ControlNetHED")
    broken = data / "extensions" / "broken"
    broken.mkdir(parents=True)
    (broken / "extension.py").write_text("import no_such_module\n", "utf-8")
    return data


@pytest.fixture(scope="package")
def address(browser: Browser, data: Path) -> Iterator[str]:
    """Of the server that tests of the page share. A test that changes a setting puts it back; one that needs another start has `page.serving`."""
    from tests.ui import page as at

    with at.serving(data, "--upscalers-dir", str(data / "more")) as address:
        yield address


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    """A page of its own, in a profile of its own; afterwards nothing runs, and nothing went wrong in it."""
    from tests.ui.tab import Tab

    found = Tab(browser, address)
    yield found
    found.finish()


@pytest.fixture
def another(browser: Browser, address: str) -> Iterator[Callable[..., Tab]]:
    """Opens further pages, each in a profile of its own; what holds for `tab` holds for each: another(query, held=, viewport=, ...)."""
    from tests.ui.tab import Tab

    with contextlib.ExitStack() as pages:

        def opened(query: str = "", **more: Any) -> Tab:
            found = Tab(browser, address, query, **more)
            pages.callback(found.finish)
            return found

        yield opened
