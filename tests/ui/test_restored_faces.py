"""“Restore faces” on the page: dead with a reason until its files are here, then alive, also on a page that is opened later."""

from __future__ import annotations

from pathlib import Path

from modules.core.groups.faces import RestoredFaces
from modules.core.request import GenerationRequest
from modules.infotext.write import infotext
from tests.networks import small, small_faces
from tests.ui.pressing import built_page, press

FILES = "models/Codeformer/codeformer.pth and models/GFPGAN/detection_Resnet50_Final.pth"
TEXT = infotext(GenerationRequest(prompt="x", seed=3, faces=RestoredFaces(restore=True, restorer="CodeFormer", weight=0.25)), version="Easel 1")
BOX = "txt2img_restore_faces"


def test_dead_until_its_files_are_here(tmp_path: Path) -> None:
    for app, page in built_page(tmp_path):
        blocks = {block.elem_id: block for block in page.blocks.blocks.values()}
        assert not any(blocks[f"{prefix}_restore_faces"].interactive for prefix in ("txt2img", "img2img"))
        assert blocks[BOX].info == blocks["img2img_face_restoration_model"].info == f"Needs {FILES}"
        assert not blocks["txt2img_code_former_weight"].interactive
        press(page, "txt2img_generate", **{BOX: True})
        assert not app.queue.jobs()[-1].request.faces.restore, "what a browser remembers does not stand in the way"
        updates, said = press(page, "paste", txt2img_prompt=TEXT)
        assert updates[BOX]["value"] is False and f"needs {FILES}" in said["text"]

        small.save(tmp_path / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
        small.save(tmp_path / "models" / "GFPGAN" / "detection_Resnet50_Final.safetensors", small_faces.detector())
        updates, _ = press(page, "refresh_sd_model_checkpoint")
        assert updates[BOX]["interactive"] and updates["img2img_code_former_weight"]["interactive"] and "Needs" not in updates[BOX]["info"]
        updates, said = press(page, "paste", txt2img_prompt=TEXT)
        assert updates[BOX]["value"] is True and updates["txt2img_face_restoration_model"]["value"] == "CodeFormer" and "needs" not in said["text"]
        held = {BOX: True, "txt2img_face_restoration_model": "CodeFormer", "txt2img_code_former_weight": 0.25}
        press(page, "txt2img_generate", **held)
        assert app.queue.jobs()[-1].request.faces == RestoredFaces(restore=True, restorer="CodeFormer", weight=0.25)
        _, said = press(page, "txt2img_generate", **held | {"txt2img_face_restoration_model": "GFPGAN"})
        assert said["kind"] == "error" and "GFPGANv1.4.pth" in said["text"], "one that is chosen by name"
