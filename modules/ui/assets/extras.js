// The tab Extras: which pictures are meant, and how they are handed over when Generate is pressed (ui/extras.py).
"use strict";
(() => {
    const easel = window.easel;
    const panel = easel.panels.extras;
    const SOURCES = ["single", "batch", "folder"];
    const extras = { source: "single", canvas: null };
    easel.extras = extras;
    panel.countSoon = () => undefined; // there is no prompt whose tokens could be counted

    // What was chosen outlives a reload of the page.
    const noted = (() => {
        try {
            return JSON.parse(sessionStorage.getItem("easel-extras") || "{}");
        } catch {
            return {};
        }
    })();
    if (SOURCES.includes(noted.source)) extras.source = noted.source;
    const note = () => {
        const { picture } = extras.canvas || {};
        try {
            sessionStorage.setItem("easel-extras", JSON.stringify({ source: extras.source, picture: picture ? picture.reference : "" }));
        } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
    };

    const paint = () => {
        const place = panel.part("source");
        if (place) place.dataset.source = extras.source;
        for (const button of document.querySelectorAll(".easel-choice button")) button.setAttribute("aria-pressed", String(button.dataset.source === extras.source));
    };
    extras.choose = (source) => {
        extras.source = source;
        paint();
        note();
    };
    easel.when(".easel-choice button", (button) => {
        button.addEventListener("click", () => extras.choose(button.dataset.source));
        paint();
    });
    // Gradio brings a tab's parts onto the page when it is first opened.
    let furnished;
    const ready = new Promise((done) => { furnished = done; });
    easel.when(".easel-single", (place) => {
        const host = easel.make("div", { class: "easel-canvas" });
        place.append(host);
        extras.canvas = easel.canvas(host, { draws: "", name: "Picture to enlarge", changed: note });
        if (noted.picture) extras.canvas.load(noted.picture).catch(() => undefined);
        furnished();
    });
    extras.load = async (reference) => {
        extras.choose("single");
        easel.openTab("tab_extras");
        await ready;
        await extras.canvas.load(reference);
    };

    const several = () => document.querySelector("#extras_image .easel-batch").batch;
    const pictures = {
        single: async () => {
            const { picture } = await extras.canvas.references();
            return picture ? [{ name: "", image: picture }] : [];
        },
        batch: () => several().items(),
        folder: () => several().items(panel.box("batch_input_dir").value.trim(), "", false),
    };
    // -> the values, with the list of pictures in its place; "" where they could not be brought.
    extras.prepare = async (values, place) => {
        let items = "";
        try {
            items = JSON.stringify((await pictures[extras.source]()).map(({ name, image }) => ({ name, image })));
        } catch (error) {
            easel.say(error.message, "error", "The pictures could not be brought over");
        }
        return values.toSpliced(place, 1, items);
    };
})();
