"""Every parameter of a request stands on the page once, or is hidden for a reason; and hands find A1111's element ids."""

from __future__ import annotations

from collections import Counter

import pytest

from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.ui import build, layout
from tests.ui.conftest import DrawnApp

NAMES = {field.name for field in walk(GenerationRequest)}

A1111_IDS = [
    "quicksettings",
    "setting_sd_model_checkpoint",
    "refresh_sd_model_checkpoint",
    "tabs",
    "tab_txt2img",
    "txt2img_toprow",
    "txt2img_prompt",
    "txt2img_neg_prompt",
    "txt2img_token_counter",
    "txt2img_negative_token_counter",
    "txt2img_actions_column",
    "txt2img_generate_box",
    "txt2img_generate",
    "txt2img_interrupt",
    "txt2img_skip",
    "txt2img_tools",
    "paste",
    "txt2img_clear_prompt",
    "txt2img_styles_row",
    "txt2img_styles",
    "txt2img_styles_edit_button",
    "txt2img_style_apply",
    "tab_extensions",
    "txt2img_settings",
    "txt2img_sampling",
    "txt2img_scheduler",
    "txt2img_steps",
    "txt2img_tiling",
    "txt2img_width",
    "txt2img_height",
    "txt2img_res_switch_btn",
    "txt2img_batch_count",
    "txt2img_batch_size",
    "txt2img_cfg_scale",
    "txt2img_seed_row",
    "txt2img_seed",
    "txt2img_random_seed",
    "txt2img_reuse_seed",
    "txt2img_subseed_show",
    "txt2img_seed_extras",
    "txt2img_subseed",
    "txt2img_random_subseed",
    "txt2img_reuse_subseed",
    "txt2img_subseed_strength",
    "txt2img_seed_resize_from_w",
    "txt2img_seed_resize_from_h",
    "txt2img_results",
    "txt2img_gallery",
    "tab_img2img",
    "img2img_prompt",
    "img2img_neg_prompt",
    "img2img_generate",
    "img2img_denoising_strength",
    "img2img_mask_blur",
    "img2img_mask_mode",
    "img2img_inpainting_fill",
    "img2img_inpaint_full_res",
    "img2img_inpaint_full_res_padding",
    "img2img_scale",
    "img2img_tab_resize_by",
    "img2img_detect_image_size_btn",
    "img2img_width",
    "img2img_gallery",
    "pnginfo_image",
    "settings_submit",
]

A1111_IDS_INSIDE = ["image_buttons_txt2img", "txt2img_open_folder", "save_txt2img", "save_zip_txt2img", "html_info_txt2img", "html_log_txt2img"]


FORMS = ("txt2img", "img2img")


def place(name: str, prefix: str) -> str:
    """The element id at which a parameter of a form is to be found."""
    if name == "model":
        return "setting_sd_model_checkpoint"
    return f"{prefix}_{layout.IDS.get(name, name.replace('.', '_'))}"


@pytest.fixture
def ids(app: DrawnApp) -> Counter[str]:
    return Counter(block.elem_id for block in build.page(app).blocks.blocks.values() if block.elem_id)


@pytest.mark.parametrize("prefix", FORMS)
def test_every_parameter_once_or_hidden(ids: Counter[str], prefix: str) -> None:
    standing = {name for name in NAMES if ids[place(name, prefix)]}
    assert standing.isdisjoint(layout.HIDDEN[prefix])
    assert standing | set(layout.HIDDEN[prefix]) == NAMES


def test_no_element_id_twice(ids: Counter[str]) -> None:
    assert [id for id, times in ids.items() if times > 1] == []


@pytest.mark.parametrize("prefix", FORMS)
def test_hidden_names_are_parameters_and_have_reasons(prefix: str) -> None:
    assert set(layout.HIDDEN[prefix]) <= NAMES
    assert all(len(reason.split()) > 3 for reason in layout.HIDDEN[prefix].values())


def test_special_ids_are_of_parameters() -> None:
    assert set(layout.IDS) <= NAMES
    assert set(layout.VARIATION) == {name for name in NAMES if name.startswith("variation.")}


def test_a1111_ids(ids: Counter[str], app: DrawnApp) -> None:
    assert [id for id in A1111_IDS if not ids[id]] == []
    inner = "".join(str(block.value) for block in build.page(app).blocks.blocks.values() if block.get_block_name() == "html")
    assert [id for id in A1111_IDS_INSIDE if f'id="{id}"' not in inner] == []


def test_every_tool_has_a_name_for_those_who_cannot_see_its_glyph(ids: Counter[str]) -> None:
    for name, (glyph, words) in layout.TOOLS.items():
        assert ids[layout.tool_id("txt2img", name)] + ids[layout.tool_id("img2img", name)] in (1, 2)
        assert glyph and len(words.split()) > 2
