// The dialog that edits styles (ui/styles.py): one at a time, so that nothing which somebody else changed meanwhile is written over.
"use strict";
(() => {
    const easel = window.easel;
    const box = (label, element) => easel.make("label", {}, easel.make("span", {}, label), element);

    const name = easel.make("input", { type: "text", maxlength: 200, required: true });
    const prompt = easel.make("textarea", { rows: 4, maxlength: 20000 });
    const negative = easel.make("textarea", { rows: 3, maxlength: 20000 });
    const search = easel.make("input", { type: "search", placeholder: "Search", "aria-label": "Search styles" });
    const known = easel.make("ul", { "aria-label": "Styles" });
    const said = easel.make("p", { class: "said", role: "status" });
    const save = easel.make("button", { type: "submit", class: "primary" }, "Save");
    const remove = easel.make("button", { type: "button" }, "Delete");
    const fresh = easel.make("button", { type: "button" }, "+ New style");
    const words = easel.make("button", { type: "button", title: "Puts what stands in the prompt boxes of the page into this style" }, "Take the page's prompts");
    const form = easel.make(
        "form",
        {},
        box("Name", name),
        box("Prompt", prompt),
        box("Negative prompt", negative),
        easel.make("p", { class: "hint" }, "{prompt} stands for your own prompt; without it the style is put behind."),
        said,
        easel.make("div", { class: "actions" }, save, words, remove),
    );
    const dialog = easel.dialog("easel_styles", "Styles", easel.make("div", { class: "halves" }, easel.make("div", { class: "list" }, search, known, fresh), form));

    let styles = [];
    let before = null; // the style that is edited, as the server last said it; null: a new one
    let sure = false;
    let panel = null;

    const now = () => ({ name: name.value.trim(), prompt: prompt.value, negative_prompt: negative.value });
    const changed = () => {
        const was = before || { name: "", prompt: "", negative_prompt: "" };
        return Object.entries(now()).some(([key, value]) => value !== was[key]);
    };
    const tell = (text, wrong = false) => {
        said.textContent = text;
        said.classList.toggle("error", wrong);
    };

    const edit = (style, values = style || { name: "", prompt: "", negative_prompt: "" }) => {
        before = style;
        name.value = values.name;
        prompt.value = values.prompt;
        negative.value = values.negative_prompt;
        sure = false;
        remove.textContent = "Delete";
        remove.hidden = !style;
        draw();
    };

    const draw = () => {
        const find = search.value.trim().toLowerCase();
        const shown = styles.filter((style) => Object.values(style).join("\n").toLowerCase().includes(find));
        const choose = (style) => {
            if (changed() && !sure) {
                sure = true;
                tell("There are changes that are not saved. Choose again to leave them.", true);
                return;
            }
            tell("");
            edit(style);
        };
        known.replaceChildren(...shown.map((style) => easel.make("li", {}, easel.make("button", { type: "button", "aria-current": before && before.name === style.name ? "true" : "false", translate: "no", onclick: () => choose(style) }, style.name))));
        fresh.onclick = () => {
            choose(null);
            if (!before) name.focus();
        };
    };
    search.addEventListener("input", draw);

    const load = async () => {
        styles = (await easel.ask("styles")).styles;
    };

    // To the server, then into the menus of the page.
    const send = async (change, done) => {
        save.disabled = remove.disabled = true;
        try {
            await easel.ask("styles", change);
            await load();
            edit(change.after ? styles.find((style) => style.name === change.after.name) || null : null);
            tell(done);
            panel.part("styles_fresh").click();
        } catch (error) {
            tell(error.message, true);
            await load().then(draw, () => undefined);
        } finally {
            save.disabled = remove.disabled = false;
        }
    };
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        const after = now();
        if (!after.name) {
            tell("Give the style a name.", true);
            name.focus();
        } else send({ before, after }, before && before.name !== after.name ? `Saved, renamed from “${before.name}”.` : "Saved.");
    });
    remove.addEventListener("click", () => {
        if (!sure) {
            sure = true;
            remove.textContent = "Really delete?";
        } else send({ before, after: null }, `“${before.name}” was deleted. The table as it was is kept beside it as .bak.`);
    });
    words.addEventListener("click", () => {
        prompt.value = panel.box("prompt").value;
        negative.value = panel.box("neg_prompt").value;
    });

    const open = async (on, values) => {
        panel = on;
        search.value = "";
        tell("");
        edit(null, values); // before the table is there: what is typed meanwhile must not be written over
        dialog.show();
        if (values) name.focus();
        try {
            await load();
        } catch (error) {
            styles = [];
            tell(error.message, true);
        }
        if (values || changed()) draw();
        else edit(styles[0] || null);
    };
    for (const one of Object.values(easel.panels)) {
        easel.when(`#${one.prefix}_styles input`, (menu) => { menu.placeholder = "Styles"; });
        easel.when(`#${one.prefix}_styles_edit_button`, (button) => button.addEventListener("click", () => open(one)));
        easel.when(`#${one.prefix}_style_create`, (button) => button.addEventListener("click", () => open(one, { name: "", prompt: one.box("prompt").value, negative_prompt: one.box("neg_prompt").value })));
    }
})();
