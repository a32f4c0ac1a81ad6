// One model in full: notes, metadata, tensors (ui/models.py).
"use strict";
(() => {
    const easel = window.easel;
    const models = easel.models;
    const make = easel.make;
    const ROWS = 400;

    const SECTIONS = [];
    // label, fill(place, row, detail): a further page of the dialog.
    models.section = (label, fill, fits = () => true) => SECTIONS.push({ label, fill, fits });

    const copied = async (text) => {
        try {
            await navigator.clipboard.writeText(text);
            easel.say(text, "note", "Copied");
        } catch {
            easel.say(text, "note", "Copy it from here");
        }
    };
    const fact = (name, value, copy = false) => value ? [make("dt", {}, name), make("dd", {}, String(value), copy ? make("button", { type: "button", class: "tool", title: "Copy", "aria-label": `Copy: ${name}`, onclick: () => copied(String(value)) }, "📋") : null)] : [];

    // What the network predicts: most files do not say it, so a person may.
    const PREDICTIONS = { eps: "Noise (eps)", v: "Velocity (v)", x0: "The picture (x0)", flow: "Flow", edm: "EDM" };
    const predicted = (row, detail) => {
        const said = PREDICTIONS[row.prediction] || row.prediction;
        if (row.group !== "checkpoint" || !row.prediction || row.trouble || detail.fixed) return fact("Prediction", said);
        const own = row.guessed ? `${said}, guessed` : detail.predicts ? "As the file says, or a guess" : said;
        const entries = [["", own], ...Object.entries(PREDICTIONS).filter(([value]) => value !== "edm")];
        const box = make("select", { "aria-label": "Prediction", title: "Set this if pictures come out as noise or too dark" }, ...entries.map(([value, label]) => make("option", { value, selected: value === detail.predicts }, label)));
        box.addEventListener("change", async () => {
            try {
                await easel.ask(`models/${row.id}/prediction`, { prediction: box.value });
                await models.load();
                easel.say(row.name, "note", "Noted beside the model");
            } catch (error) {
                easel.say(error.message, "error");
            }
        });
        return [make("dt", {}, "Prediction"), make("dd", {}, box)];
    };

    const FIELDS = [["description", "Description", 2], ["activation", "Activation text", 2], ["negative", "Negative prompt", 1], ["weight", "Preferred weight", 0], ["vae", "Preferred VAE", 0], ["notes", "Notes", 3], ["version", "Made for", 0]];
    const HINTS = { activation: "Added to the prompt when the card is clicked.", negative: "Added to the negative prompt when the card is clicked.", weight: "0 means 1.", vae: "What “Automatic” takes for this checkpoint. Empty: the file that is called like it, else its own.", version: "A note of yours, as A1111 keeps it." };
    // What a click on a card of other kinds makes no use of.
    const ACTING = { activation: ["lora", "embedding"], negative: ["lora", "embedding"], weight: ["lora"], vae: ["checkpoint"] };
    const menu = (name, held) => {
        if (held === "Automatic") held = "";
        const names = ["", "None", ...new Set(models.all.filter((row) => row.kind === "vae" && !row.trouble).map((row) => row.file))];
        return make("select", { name, translate: "no" }, ...[...names, ...(names.includes(held) ? [] : [held])].map((value) => make("option", { value }, value || "–")));
    };
    const about = (place, row, detail, dialog) => {
        const hash = detail.sha256 || (row.trouble ? "" : easel.translated("Being computed"));
        const facts = make("dl", {}, ...fact("Family", models.family(row)), ...fact("Kind", models.kind(row)), ...fact("Variant", row.variant), ...predicted(row, detail), ...fact("Precision", row.precision), ...fact("Size", models.size(row.size)), ...fact("File", detail.path, true), ...fact("SHA-256", hash, Boolean(detail.sha256)), ...fact("Short hash", row.hash, true), ...fact("Base model, as its site says", detail.site.family));
        const words = detail.words.length ? make("p", { class: "words" }, make("span", { class: "label" }, "Trigger words"), ...detail.words.map((word) => make("button", { type: "button", title: "Put into the prompt", translate: "no", onclick: () => models.say(word) }, word))) : null;
        const form = make("form", {});
        const boxes = {};
        for (const [name, label, lines] of FIELDS) {
            if (ACTING[name] && !ACTING[name].includes(row.group)) continue;
            const box = name === "vae" ? menu(name, detail.notes[name]) : lines ? make("textarea", { rows: lines, name }) : make("input", { type: name === "weight" ? "number" : "text", step: "any", name });
            box.value = detail.notes[name];
            boxes[name] = box;
            form.append(make("label", {}, make("span", {}, label), HINTS[name] ? make("small", {}, HINTS[name]) : null, box));
        }
        const said = make("p", { class: "said", role: "status" });
        form.append(make("div", { class: "actions" }, make("button", { type: "submit", class: "primary" }, "Save notes")), said);
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            const told = { ...detail.notes, ...Object.fromEntries(Object.entries(boxes).map(([name, box]) => [name, name === "weight" ? Number(box.value) || 0 : box.value])) };
            try {
                await easel.ask(`models/${row.id}/notes`, told);
                await models.load();  // said once the cards know it, for the next click may be on one
                said.textContent = "Saved beside the model.";
                said.classList.remove("error");
            } catch (error) {
                said.textContent = error.message;
                said.classList.add("error");
            }
        });
        const use = !row.trouble && models.does(row) !== "Look at it" ? make("div", { class: "actions" }, make("button", { type: "button", class: "primary", onclick: () => { models.use(models.row(row.id) || row); dialog.close(); } }, models.does(row))) : null;
        const picture = row.picture ? make("img", { class: "face", src: easel.url(`models/${row.id}/thumb?v=${row.picture}`), alt: "" }) : null;
        if (picture) picture.addEventListener("error", () => picture.remove());
        place.append(...[row.trouble ? make("p", { class: "error", role: "alert" }, row.trouble) : null, detail.note ? make("p", { class: "hint" }, detail.note) : null, make("div", { class: "top" }, ...[picture, facts].filter(Boolean)), use, words, form, models.foot(row, dialog)].filter(Boolean));
    };

    const metadata = (place, row, detail) => {
        const entries = Object.entries(detail.metadata);
        if (!entries.length) place.append(make("p", { class: "hint" }, "This file carries no metadata."));
        else place.append(make("table", { translate: "no" }, make("tbody", {}, ...entries.map(([key, value]) => make("tr", {}, make("th", { scope: "row" }, key), make("td", {}, value))))));
    };

    const tensors = async (place, row) => {
        const status = make("p", { class: "hint", role: "status" }, "Reading the header …");
        place.append(status);
        const found = await easel.ask(`models/${row.id}/tensors`);
        const search = make("input", { type: "search", placeholder: "Search tensors", "aria-label": "Search tensors" });
        const body = make("tbody", { translate: "no" });
        const fill = () => {
            const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
            const fitting = found.tensors.filter((tensor) => words.every((word) => `${tensor.name} ${tensor.dtype} ${tensor.shape.join("x")}`.toLowerCase().includes(word)));
            body.replaceChildren(...fitting.slice(0, ROWS).map((tensor) => make("tr", {}, make("td", {}, tensor.name), make("td", { class: "number" }, tensor.dtype), make("td", { class: "number" }, tensor.shape.join(" × ") || "–"))));
            status.textContent = fitting.length > ROWS ? `${fitting.length} of ${found.count} tensors; the first ${ROWS} are shown.` : `${fitting.length} of ${found.count} tensors.`;
        };
        search.addEventListener("input", fill);
        fill();
        place.append(search, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tensors" }, make("table", {}, make("thead", {}, make("tr", {}, ...["Tensor", "Type", "Shape"].map((name) => make("th", { scope: "col" }, name)))), body)));
    };

    models.say = (word) => {
        const panel = models.target();
        const area = panel.box("prompt");
        easel.put(area, area.value.trim() ? `${area.value.trimEnd().replace(/,$/, "")}, ${word}` : word);
        easel.say(word, "note", `Added to the prompt of ${panel.prefix}`);
    };

    // A model that is named elsewhere on the page: its card, which is fetched first if need be.
    easel.when(".easel-open-model", (button) => button.addEventListener("click", async () => {
        if (!models.row(button.dataset.model)) await models.load();
        const row = models.row(button.dataset.model);
        if (row) models.open(row);
    }));

    models.open = async (row) => {
        const pages = make("div", { class: "page" });
        const bar = make("div", { class: "pages", role: "group", "aria-label": "Pages" });
        const dialog = easel.dialog("easel_model", row.name, bar, pages);
        const close = () => dialog.remove();
        dialog.addEventListener("close", close);
        dialog.show();
        let detail;
        try {
            detail = await easel.ask(`models/${row.id}`);
        } catch (error) {
            pages.append(make("p", { class: "error", role: "alert" }, error.message));
            return dialog;
        }
        const all = [{ label: "About", fill: about, fits: () => true }, { label: "Metadata", fill: metadata, fits: () => true }, { label: "Tensors", fill: tensors, fits: () => true }, ...SECTIONS].filter((one) => one.fits(row, detail));
        const show = async (one) => {
            for (const button of bar.children) button.setAttribute("aria-pressed", String(button.textContent === one.label));
            const place = make("div", {});
            pages.replaceChildren(place);
            try {
                await one.fill(place, row, detail, dialog);
            } catch (error) {
                place.append(make("p", { class: "error", role: "alert" }, error.message));
            }
        };
        bar.append(...all.map((one) => make("button", { type: "button", "aria-pressed": "false", onclick: () => show(one) }, one.label)));
        show(all[0]);
        return dialog;
    };
})();
