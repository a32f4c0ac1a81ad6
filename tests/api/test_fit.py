"""POST /v1/fit: what a request needs of memory, before anything is loaded."""

from __future__ import annotations

from modules.core.options import DeviceOptions
from modules.engine.fitting import GB, Fitting, Room
from tests.api.conftest import Server


def test_it_says_what_is_needed_and_what_will_be_done(drawing: Server) -> None:
    roomy = drawing.client.post("/v1/fit", json={"width": 128, "height": 128}).json()
    assert (roomy["verdict"], roomy["placement"], roomy["tiled"], roomy["sentences"]) == ("fits", "resident", False, [])
    assert 0 < roomy["weights"] < roomy["needed"] < roomy["free"]
    kept, drawing.app.fitting = drawing.app.fitting, Fitting(DeviceOptions(), lambda: Room(GB))
    try:
        short = drawing.client.post("/v1/fit", json={"width": 1536, "height": 1536}).json()
    finally:
        drawing.app.fitting = kept
    assert (short["verdict"], short["tiled"]) == ("adapts", True)
    assert short["sentences"][0].endswith("1.0 GB are free.") and "The VAE will work in tiles." in short["sentences"]


def test_what_is_wrong_is_said(drawing: Server) -> None:
    assert drawing.client.post("/v1/fit", json={"width": 3}).status_code == 400
    assert drawing.client.post("/v1/fit", json={"model": "nowhere"}).status_code == 404
