"""Menus of many files: what of their entries the document holds, and what the browser gets when it opens one."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.ui import build
from tests.catalog.files import SD1, write
from tests.ui.conftest import DrawnApp

MANY = 40


def test_the_document_holds_what_is_chosen_and_a_menu_is_asked_for(app: DrawnApp) -> None:
    for number in range(MANY):
        write(app.paths.models / "Stable-diffusion" / f"model {number:02}.safetensors", SD1, fill=number)
    (app.paths.styles).write_text("name,prompt,negative_prompt\n" + "".join(f"style {number:02},a,b\n" for number in range(MANY)), "utf-8")
    app.library.refresh()
    page = build.page(app)
    config = json.dumps(page.blocks.get_config_file(), default=str)
    assert config.count("model 0") <= 8 and "model 17" not in config and "style 17" not in config

    client = TestClient(Starlette(routes=page.routes))
    counts = {"setting_sd_model_checkpoint": MANY + 1, "txt2img_refiner_checkpoint": MANY + 2, "img2img_styles": MANY, "setting_default_checkpoint": MANY + 2}
    for menu, count in counts.items():
        listed = client.get(f"/easel/entries/{menu}").json()["entries"]
        assert len(listed) == count and all(len(entry) == 2 for entry in listed), menu
    assert client.get("/easel/entries/txt2img_sampling").status_code == 404
    assert set(counts) <= set(json.loads(page.launch["head"].split("window.easel = ")[1].split(";\n")[0])["long"])
