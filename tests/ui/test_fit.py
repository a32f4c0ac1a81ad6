"""The line under the sizes that says when memory will be short."""

from __future__ import annotations

import pytest

from modules.core.errors import InvalidRequest
from modules.core.options import DeviceOptions
from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.engine.fitting import GB, Fitting, Room
from modules.ui import fit
from tests.ui.conftest import DrawnApp
from tests.ui.tab import Tab


def test_a_form_is_asked_about_as_its_widgets_stand(app: DrawnApp) -> None:
    assert set(fit.COUNTING) <= {field.name for field in walk(GenerationRequest)}
    app.fitting = Fitting(DeviceOptions(), lambda: Room(GB // 2))
    assert fit._answer(app, {"model": "easel-starter", "values": {"width": "128", "height": 128}}) == {"verdict": "fits", "sentences": ()}
    short = fit._answer(app, {"values": {"width": 2048, "height": "2048", "prompt": 3, "hires.enabled": False}})
    assert short["verdict"] == "too much" and "smaller" in short["sentences"][-1]
    with pytest.raises(InvalidRequest):
        fit._answer(app, {"model": 3})


def test_the_line_comes_and_goes(tab: Tab) -> None:
    line = tab.page.locator("#txt2img_dimensions + .easel-fit")
    assert not line.is_visible()
    tab.fill(width=16384, height=16384)
    tab.page.wait_for_function("() => /GB are free/.test(document.querySelector('#txt2img_dimensions + .easel-fit').textContent)")
    assert line.get_attribute("role") == "status"
    tab.fill(width=128, height=128)
    tab.page.wait_for_function("() => !document.querySelector('#txt2img_dimensions + .easel-fit').textContent")
