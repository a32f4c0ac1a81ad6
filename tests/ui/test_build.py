"""The page as a whole: quick, self-contained, closed to forged files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modules.ui import build
from tests.ui.conftest import DrawnApp

PROJECT = Path(__file__).resolve().parents[2]


def test_building_imports_no_torch(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from modules.ui import build
page = build.page(App(Options(paths=Paths(data=Path({str(tmp_path)!r}), models=Path({str(tmp_path)!r})))))
print([name for name in ("torch", "diffusers", "transformers") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_nothing_asks_another_host(app: DrawnApp) -> None:
    page = build.page(app)
    assert build.ICON in page.launch["head"], "its name space is a name, not an address"
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", page.launch["head"].replace(build.ICON, "")) == []
    assert page.launch["theme"]._stylesheets == []


def test_names_in_the_page_cannot_end_the_script(app: DrawnApp) -> None:
    head = build.page(app).launch["head"]
    assert head.count("</script") == 1 and head.count("</style") == 1


def test_the_page_is_built_anew_each_time(app: DrawnApp) -> None:
    first, second = build.page(app), build.page(app)
    assert first.blocks is not second.blocks
    assert len(first.blocks.fns) == len(second.blocks.fns)


@pytest.fixture
def served(app: DrawnApp) -> Iterator[tuple[Any, httpx.Client]]:
    page = build.page(app)
    page.blocks.launch(
        prevent_thread_lock=True, quiet=True, _frontend=False, ssr_mode=False, server_name="127.0.0.1", app_kwargs={"routes": page.routes}, **page.launch
    )
    with httpx.Client(base_url=page.blocks.local_url, trust_env=False, timeout=60) as client:
        yield page.blocks, client
    page.blocks.close(verbose=False)


def event_of(blocks: Any, elem_id: str) -> Any:
    """The event of the widget with this element id that reaches Python."""
    ids = {block._id for block in blocks.blocks.values() if block.elem_id == elem_id}
    return next(fn for fn in blocks.fns.values() if fn.fn is not None and any(target in ids for target, _ in fn.targets))


def said(blocks: Any, event: Any, answer: dict[str, Any]) -> dict[str, Any]:
    at = next(index for index, block in enumerate(event.outputs) if block.elem_id == "easel_said")
    return json.loads(answer["data"][at])


@pytest.mark.parametrize("meta", [{"_type": "gradio.FileData"}, {}, None])
@pytest.mark.parametrize("elem_id", ["pnginfo_file", "txt2img_drop"])
def test_a_forged_file_reference_reads_nothing(served: tuple[Any, httpx.Client], tmp_path: Path, elem_id: str, meta: Any) -> None:
    blocks, client = served
    secret = tmp_path / "secret.txt"
    secret.write_text("parameters: hidden words")
    event = event_of(blocks, elem_id)
    data = [{"path": str(secret), "orig_name": "x.png", "meta": meta} if block.elem_id == elem_id else None for block in event.inputs]
    answer = client.post("/gradio_api/run/predict", json={"fn_index": event._id, "data": data, "session_hash": "test"})
    assert answer.status_code >= 400
    assert "hidden words" not in answer.text


def test_generate_through_the_wire(app: DrawnApp, served: tuple[Any, httpx.Client]) -> None:
    blocks, client = served
    event = event_of(blocks, "txt2img_generate")
    held = {"txt2img_prompt": "over the wire", "txt2img_steps": 3, "txt2img_width": 64, "txt2img_height": 64}
    data = [held.get(block.elem_id, block.value) for block in event.inputs]
    answer = client.post("/gradio_api/run/predict", json={"fn_index": event._id, "data": data, "session_hash": "test"}).json()
    job = app.until(said(blocks, event, answer)["job"], "done")
    assert (job.request.prompt, job.request.steps, len(job.pictures)) == ("over the wire", 3, 1)


def test_values_beyond_the_limits_are_refused_by_name(served: tuple[Any, httpx.Client]) -> None:
    blocks, client = served
    event = event_of(blocks, "txt2img_generate")
    data = [9000 if block.elem_id == "txt2img_steps" else block.value for block in event.inputs]
    answer = client.post("/gradio_api/run/predict", json={"fn_index": event._id, "data": data, "session_hash": "test"}).json()
    told = said(blocks, event, answer)
    assert (told["title"], told["kind"], told["job"]) == ("Sampling steps", "error", "")


def test_settings_are_saved(app: DrawnApp, served: tuple[Any, httpx.Client]) -> None:
    blocks, client = served
    event = event_of(blocks, "settings_submit")
    data = [False if block.elem_id == "setting_samples_save" else block.value for block in event.inputs]
    answer = client.post("/gradio_api/run/predict", json={"fn_index": event._id, "data": data, "session_hash": "test"}).json()
    assert "Always save" in said(blocks, event, answer)["text"]
    assert app.settings.value.samples_save is False
    assert app.paths.settings.exists()
