// The form for work on pictures: which mode is chosen, the canvases of the modes, and what they hand over when Generate is pressed (ui/img2img.py).
"use strict";
(() => {
    const easel = window.easel;
    const PANEL = "img2img";
    const modes = Object.fromEntries(easel.modes.map((mode) => [mode.id, mode]));
    const of = (tab) => easel.modes.filter((mode) => mode.tab === tab);
    const canvases = {};
    const studio = { mode: of("img2img")[0].id, canvases };
    easel.studio = studio;
    // The mode that each of the two tabs was left in.
    const lately = { img2img: of("img2img")[0].id, inpaint: of("inpaint")[0].id };

    // What the canvases hold outlives a reload of the page, as the form does.
    const noted = (() => {
        try {
            return JSON.parse(sessionStorage.getItem("easel-studio") || "{}");
        } catch {
            return {};
        }
    })();
    let soon = 0;
    const note = () => {
        clearTimeout(soon);
        soon = setTimeout(() => {
            try {
                sessionStorage.setItem("easel-studio", JSON.stringify({ mode: studio.mode, lately, canvases: Object.fromEntries(Object.entries(canvases).map(([id, one]) => [id, one.saved()])) }));
            } catch { /* too many strokes for the storage: they are lost only by a reload */ }
        }, 200);
    };

    studio.canvas = (id = studio.mode) => canvases[id];
    studio.choose = (id, go = true) => {
        const mode = modes[id];
        if (!mode) return;
        studio.mode = id;
        lately[mode.tab] = id;
        paint();
        note();
        if (go) easel.openTab(`tab_${mode.tab}`);
    };
    const paint = () => {
        const panel = easel.byId("img2img_panel");
        if (!panel) return;
        panel.dataset.mode = studio.mode;
        panel.dataset.tab = modes[studio.mode].tab;
        for (const button of document.querySelectorAll(".easel-modes button")) button.setAttribute("aria-pressed", String(button.dataset.mode === studio.mode));
        for (const place of document.querySelectorAll(".easel-mode")) place.classList.toggle("on", place.dataset.mode === studio.mode);
        for (const button of document.querySelectorAll(".easel-copy button")) button.disabled = button.dataset.mode === studio.mode || !(studio.canvas() && studio.canvas().picture);
        sizes();
    };

    // The size that comes out, as ui/img2img.scaled computes it.
    const panel = () => easel.panels[PANEL];
    const scaled = (length, scale) => Math.max(8, Math.floor(length * scale / 8 + 0.5) * 8);
    const sizes = () => {
        const place = document.querySelector(".easel-resized");
        const whole = easel.byId("img2img_panel");
        if (!place || !whole) return;
        const by = Boolean(document.querySelector('#img2img_resize_by input[value="Resize by"]:checked'));
        whole.toggleAttribute("data-by", by);
        const picture = studio.canvas() && studio.canvas().picture;
        const number = panel().number("scale");
        if (!picture) place.textContent = by ? "By the size of the picture" : "";
        else if (by) place.textContent = `${picture.width} × ${picture.height} → ${scaled(picture.width, Number(number.value))} × ${scaled(picture.height, Number(number.value))}`;
        else {
            const [width, height] = ["width", "height"].map((name) => Number(panel().number(name).value));
            const stretched = document.querySelector('#img2img_resize_mode input[value^="Just resize"]:checked') && Math.abs(picture.width * height / (picture.height * width) - 1) > 0.03;
            place.textContent = `The picture has ${picture.width} × ${picture.height}${stretched ? "; it will be stretched" : ""}`;
        }
    };
    for (const kind of ["input", "change"]) {
        document.addEventListener(kind, (event) => {
            if (event.target.closest && event.target.closest("#img2img_resize, #img2img_dimensions")) setTimeout(sizes);
        });
    }

    // -> the values, with what the canvas holds in their places. An empty mode tells the server that there is nothing to do.
    studio.prepare = async (values, at) => {
        const sent = [...values];
        const put = (name, value) => { sent[at[name]] = value; };
        try {
            put("mode", studio.mode);
            if (studio.mode === "batch") {
                put("batch", JSON.stringify(await studio.batch.items()));
                return sent;
            }
            const { picture, mask } = await studio.references();
            put("init.image", picture);
            put("mask.image", mask);
        } catch (error) {
            easel.say(error.message, "error", "The picture could not be brought over");
            put("mode", "");
        }
        return sent;
    };
    studio.references = async () => {
        const found = await studio.canvas().references();
        if (studio.mode === "inpaint_upload") return { picture: found.picture, mask: (await canvases.mask_upload.references()).picture };
        if (studio.mode === "sketch") return { picture: found.picture, mask: "" };
        return found;
    };

    // Puts a picture of the server's onto the canvas of a mode. mask: a reference; it comes as strokes that can be erased and undone.
    studio.load = async (id, reference, mask = "") => {
        const ops = mask && modes[id].draws === "mask" ? [{ kind: "mask", reference: mask }] : [];
        try {
            await canvases[id].load(reference, ops);
            if (mask && id === "inpaint_upload") await canvases.mask_upload.load(mask);
        } catch {
            easel.say("The picture that these parameters start from is not on this machine (any more). Give it again.", "error", "Input missing");
        }
    };

    // References that a reading of parameters put into the form. -> what the boxes hold then: nothing, so that the same ones can come again.
    let arriving = 0;
    studio.arrived = (picture, mask) => {
        if (picture) {
            clearTimeout(arriving);
            arriving = setTimeout(() => {
                const fits = mask ? ["inpaint", "inpaint_upload"] : ["img2img", "sketch", "outpaint"];
                const id = fits.includes(studio.mode) ? studio.mode : fits[0];
                studio.choose(id);
                studio.load(id, picture, mask);
            }, 30);
        }
        return ["", ""];
    };

    const HINTS = { inpaint_upload: "Drop the picture here", mask_upload: "Drop the mask here: white is drawn anew" };
    const furnish = (id, host, draws) => {
        const label = modes[id] ? modes[id].label : "Mask";
        canvases[id] = easel.canvas(host, { draws, name: `Picture for ${label}`, hint: HINTS[id], changed: () => { note(); paint(); } });
        const kept = noted.canvases && noted.canvases[id];
        if (kept) canvases[id].load(kept.reference, kept.ops).catch(() => undefined);
    };
    easel.when(".easel-mode", (place) => {
        const { mode } = place.dataset;
        const host = easel.make("div", { class: "easel-canvas" });
        place.append(host);
        furnish(mode, host, modes[mode].draws);
        if (mode === "inpaint_upload") {
            const second = easel.make("div", { class: "easel-canvas" });
            place.append(second);
            furnish("mask_upload", second, "");
        }
        paint();
    });
    easel.when(".easel-modes button", (button) => button.addEventListener("click", () => studio.choose(button.dataset.mode)));
    easel.when(".easel-copy button", (button) => button.addEventListener("click", async () => {
        const from = studio.canvas();
        if (!from) return;
        const target = canvases[button.dataset.mode];
        const picture = from.draws === "colour" && from.drawn() ? await from.composite() : null;
        studio.choose(button.dataset.mode);
        if (picture) target.take(picture);
        else await studio.load(button.dataset.mode, (await from.references()).picture);
    }));
    easel.when("#img2img_detect_image_size_btn", (button) => button.addEventListener("click", () => {
        const picture = studio.canvas() && studio.canvas().picture;
        if (!picture) return easel.say("There is no picture yet whose size could be taken.");
        easel.put(panel().number("width"), String(scaled(picture.width, 1)));
        easel.put(panel().number("height"), String(scaled(picture.height, 1)));
    }));

    // A tab shows the mode that it was left in.
    for (const tab of Object.keys(lately)) {
        easel.when(`#tab_${tab}-button`, (button) => button.addEventListener("click", () => {
            if (modes[studio.mode].tab !== tab) studio.choose(lately[tab], false);
        }));
    }
    easel.when("#img2img_panel", () => {
        Object.assign(lately, noted.lately);
        if (modes[noted.mode]) studio.mode = noted.mode;
        const { mark } = panel();
        panel().mark = (...told) => { mark(...told); sizes(); };
        panel().open = () => easel.openTab(`tab_${modes[studio.mode].tab}`);
        paint();
    });
})();
