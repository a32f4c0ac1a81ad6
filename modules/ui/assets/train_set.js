// Pictures to learn from: dropped or chosen, kept by the server in a set at once, each with its words beside it (ui/trainings.py).
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const { train } = easel;
    const PAUSE = 700;

    const set = { name: "", pictures: [] };
    train.set = set;
    const at = (path = "") => `sets/${encodeURIComponent(set.name)}${path}`;
    const place = (selector) => document.querySelector(`#train_set ${selector}`);

    // Which set is shown outlives a reload of the page.
    const note = () => {
        try {
            sessionStorage.setItem("easel-train-set", set.name);
        } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
    };

    // Words are kept when typing pauses, and before anything is done with them.
    const waiting = new Map();
    const keep = async (picture) => {
        const { timer, area, path } = waiting.get(picture) || {};
        if (!area) return;
        clearTimeout(timer);
        waiting.delete(picture);
        const text = area.value;
        if (await train.ask(`${path}/caption`, { picture: picture.name, text })) {
            picture.caption = text;
            count();
        }
    };
    set.saved = () => Promise.all([...waiting.keys()].map(keep));

    const count = () => {
        const words = set.pictures.filter((picture) => picture.caption.trim()).length;
        place(".count").textContent = !set.pictures.length ? "" : set.pictures.length === 1 ? `1 picture, ${words} with a caption` : `${set.pictures.length} pictures, ${words} with captions`;
    };
    const row = (picture) => {
        const area = make("textarea", { rows: 2, maxlength: 4000, placeholder: "What this picture shows", "aria-label": `Caption of ${picture.name}` });
        area.value = picture.caption;
        const path = at();
        area.addEventListener("input", () => {
            clearTimeout((waiting.get(picture) || {}).timer);
            waiting.set(picture, { area, path, timer: setTimeout(() => keep(picture), PAUSE) });
        });
        area.addEventListener("blur", () => keep(picture));
        const away = make("button", { type: "button", class: "away", title: "Take this picture out of the set", "aria-label": `Take out ${picture.name}`, onclick: async () => {
            if (!await train.ask(`${path}/take-out`, { picture: picture.name })) return;
            set.pictures = set.pictures.filter((one) => one !== picture);
            element.remove();
            count();
        } }, "×");
        const element = make("li", { "data-picture": picture.name }, make("img", { src: easel.url(picture.thumb), alt: picture.name, title: picture.name, loading: "lazy", width: 88, height: 88 }), area, away);
        return element;
    };
    const show = async () => {
        const found = set.name ? await easel.ask(`training/${at()}`).catch(() => null) : { pictures: [], findings: [] };
        if (!found) {
            set.name = "";
            note();
        }
        set.pictures = found ? found.pictures : [];
        place("ul").replaceChildren(...set.pictures.map(row));
        count();
    };
    const list = async () => {
        const found = await train.ask("sets");
        if (!found) return;
        const menu = place("#train_sets");
        menu.replaceChildren(make("option", { value: "" }, easel.translated("New ones")), ...found.sets.map((one) => make("option", { value: one.name, selected: one.name === set.name }, `${one.name} (${one.pictures})`)));
        place("#train_folder_open").hidden = !found.near;
    };
    set.choose = async (name) => {
        await set.saved();
        set.name = name;
        note();
        await Promise.all([show(), list()]);
    };

    // Files that a hand brings. Text files of the pictures' names are their captions. One after the other: each is whole on the disk before the next.
    const stem = (name) => name.replace(/\.[^.]*$/, "").toLowerCase();
    let bringing = Promise.resolve();
    set.takeAll = (files) => {
        bringing = bringing.then(() => bring(files)).catch((error) => easel.say(error.message, "error", "The pictures could not be brought over"));
        return bringing;
    };
    set.take = (file) => set.takeAll([file]);
    const bring = async (files) => {
        const texts = files.filter((file) => /\.txt$/i.test(file.name));
        const pictures = files.filter((file) => !texts.includes(file));
        if (!set.name && pictures.length) {
            const wish = (train.panel.box("name") || {}).value || "";
            const made = await easel.ask("training/sets", { name: wish });
            set.name = made.name;
            note();
        }
        const wrong = [];
        const kept = new Map();
        for (const [index, file] of pictures.entries()) {
            place(".count").textContent = `Bringing ${index + 1} of ${pictures.length} …`;
            const answer = await fetch(easel.url(`training/${at("/pictures")}?name=${encodeURIComponent(file.name)}`), { method: "POST", headers: { "content-type": "application/octet-stream", accept: "application/json, text/html" }, body: file });
            const found = await answer.json().catch(() => ({}));
            if (answer.ok) kept.set(stem(file.name), found.name);
            else wrong.push(`${file.name}: ${[found.detail || `The server answered ${answer.status}.`, found.remedy || ""].join(" ").trim()}`);
        }
        for (const file of texts) {
            const picture = kept.get(stem(file.name)) || (set.pictures.find((one) => stem(one.name) === stem(file.name)) || {}).name;
            if (picture) await easel.ask(`training/${at("/caption")}`, { picture, text: await file.text() });
            else wrong.push(`${file.name}: there is no picture of this name`);
        }
        if (wrong.length) easel.say(wrong.slice(0, 4).join(" ") + (wrong.length > 4 ? ` … and ${wrong.length - 4} more` : ""), "error", "Left out");
        await set.saved();
        await Promise.all([show(), list()]);
    };

    easel.when("#train_set", (section) => {
        try {
            set.name = sessionStorage.getItem("easel-train-set") || "";
        } catch { /* nothing is remembered then */ }
        const input = make("input", { type: "file", accept: "image/*,.txt", multiple: true, hidden: true, "aria-label": "Pictures to learn from" });
        section.append(input);
        section.querySelector(".drop").addEventListener("click", () => input.click());
        input.addEventListener("change", () => {
            set.takeAll([...input.files]);
            input.value = "";
        });
        place("#train_sets").addEventListener("change", (event) => set.choose(event.target.value));
        const opener = place("#train_folder_open");
        opener.addEventListener("click", () => {
            const box = place(".folder");
            box.hidden = !box.hidden;
            opener.setAttribute("aria-expanded", String(!box.hidden));
            if (!box.hidden) place("#train_folder").focus();
        });
        place("#train_folder_take").addEventListener("click", async (event) => {
            event.target.disabled = true;
            const made = await train.ask("take-over", { folder: place("#train_folder").value });
            event.target.disabled = false;
            if (!made) return;
            place("#train_folder").value = "";
            opener.click();
            await set.choose(made.name);
        });
        Promise.all([show(), list()]);
    });
    addEventListener("pagehide", () => set.saved());
})();
