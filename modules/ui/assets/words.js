// Words at hand (ui/words.py): the lists of earlier prompts and of what can be inserted, and the offer to take a picture's template in place of its words.
"use strict";
(() => {
    const easel = window.easel;
    const PAUSE = 250;

    // A dialog over the page with a title and a way out. It closes by Esc, by × and by a click beside it; the focus goes back to where it came from.
    easel.dialog = (name, title, ...children) => {
        const close = () => dialog.close();
        const heading = easel.make("h2", { id: `${name}_title` }, title);
        const head = easel.make("header", {}, heading, easel.make("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×"));
        const dialog = easel.make("dialog", { id: name, class: "easel-dialog", "aria-labelledby": `${name}_title` }, easel.make("div", { class: "body" }, head, ...children));
        let pressed = null;
        dialog.addEventListener("pointerdown", (event) => { pressed = event.target; });
        dialog.addEventListener("click", (event) => {
            if (event.target === dialog && pressed === dialog) close();
        });
        dialog.show = () => {
            document.body.append(dialog);
            dialog.showModal();
        };
        return dialog;
    };

    // Puts words into a panel's form: by parameter, styles among them.
    const recall = (panel, words) => {
        panel.words = JSON.stringify(words);
        panel.part("recall").click();
    };

    // A list with a box to search in; the arrow keys walk through it, from the box on. ask(find) -> items; row(item) -> elements; pick(panel, item).
    const list = (name, title, hint, empty, ask, row, pick) => {
        const search = easel.make("input", { type: "search", placeholder: "Search", "aria-label": `Search: ${title}` });
        const place = easel.make("ul", {});
        const nothing = easel.make("p", { class: "none", role: "status" });
        const dialog = easel.dialog(name, title, search, hint ? easel.make("p", { class: "hint" }, hint) : null, place, nothing);
        let panel = null;
        let wanted = "";
        const fill = async () => {
            const find = search.value.trim();
            wanted = find;
            try {
                const found = await ask(find);
                if (wanted !== find) return;
                place.replaceChildren(...found.map((item) => easel.make("li", {}, easel.make("button", { type: "button", onclick: () => take(item) }, ...row(item)))));
                nothing.textContent = found.length ? "" : find ? "Nothing found." : empty;
            } catch (error) {
                place.replaceChildren();
                nothing.textContent = error.message;
            }
        };
        const take = (item) => {
            dialog.close();
            pick(panel, item);
        };
        let pause = 0;
        search.addEventListener("input", () => {
            clearTimeout(pause);
            pause = setTimeout(fill, PAUSE);
        });
        dialog.addEventListener("keydown", (event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (!step) return;
            const stops = [search, ...place.querySelectorAll("button")];
            const next = stops[stops.indexOf(document.activeElement) + step];
            if (next) next.focus();
            event.preventDefault();
        });
        return (on) => {
            panel = on;
            search.value = "";
            place.replaceChildren();
            nothing.textContent = "";
            dialog.show();
            search.focus();
            fill();
        };
    };

    const labelled = (label, said) => easel.make("span", { class: "more" }, easel.make("span", {}, label), easel.make("span", { translate: "no" }, ` ${said}`));
    const earlier = list(
        "easel_history",
        "Earlier prompts",
        "",
        "There are no earlier prompts yet.",
        async (find) => (await easel.ask(`words?find=${encodeURIComponent(find)}`)).words,
        (words) => [
            easel.make("span", { class: "prompt" }, words.prompt),
            words.negative_prompt ? labelled("Negative:", words.negative_prompt) : null,
            words.styles.length ? labelled("Styles:", words.styles.join(", ")) : null,
        ],
        (panel, words) => {
            recall(panel, words);
            panel.box("prompt").focus();
        },
    );

    // Into the prompt box that was used last, where its caret stands.
    const used = new Map();
    document.addEventListener("focusin", (event) => {
        if (event.target instanceof HTMLTextAreaElement && event.target.closest(".easel-prompt")) used.set(easel.panelOf(event.target), event.target);
    });
    let all = null;
    const insert = list(
        "easel_insertions",
        "Insert into the prompt",
        "Goes where the caret stands. What a wildcard becomes is chosen by each picture's seed.",
        "There is nothing to insert. Wildcards are text files, one choice per line, in a folder wildcards beside your settings; docs/extensions.md says more.",
        async (find) => {
            if (!find || !all) all = (await easel.ask("insertions")).insertions;
            const word = find.toLowerCase();
            return all.filter(({ text, about }) => `${text} ${about}`.toLowerCase().includes(word)).slice(0, 500);
        },
        ({ text, about }) => [easel.make("code", {}, text), easel.make("span", { class: "more", translate: "no" }, about)],
        (panel, { text }) => {
            const area = used.get(panel) || panel.box("prompt");
            area.focus();
            const apart = /[\w)\]}>]$/.test(area.value.slice(0, area.selectionStart)) ? ` ${text}` : text;
            // As an edit of the browser's own, so that Ctrl+Z takes it back.
            if (!document.execCommand("insertText", false, apart)) easel.put(area, area.value.slice(0, area.selectionStart) + apart + area.value.slice(area.selectionEnd));
        },
    );

    for (const panel of Object.values(easel.panels)) {
        easel.when(`#${panel.prefix}_prompt_history`, (button) => button.addEventListener("click", () => earlier(panel)));
        easel.when(`#${panel.prefix}_insertions`, (button) => button.addEventListener("click", () => insert(panel)));
        // The offer to use the template that a picture's words were made from, and to go back to its words.
        const place = easel.make("p", { class: "easel-offer", role: "status" });
        easel.when(`#${panel.prefix}_prompt_container`, (container) => container.append(place));
        panel.offer = (words) => {
            place.replaceChildren();
            if (!words || !words.template) return;
            const show = (which) => {
                const other = which === "picks" ? "template" : "picks";
                const said = which === "picks" ? "These words were chosen from a template; the same seed draws the same picture." : "The template: each picture gets words of its own.";
                const take = () => {
                    recall(panel, words[other]);
                    show(other);
                };
                place.replaceChildren(
                    easel.make("span", {}, said),
                    easel.make("button", { type: "button", class: "tool wide", onclick: take }, which === "picks" ? "Use the template" : "Use the chosen words"),
                    easel.make("button", { type: "button", class: "close", "aria-label": "Put this line away", onclick: () => place.replaceChildren() }, "×"),
                );
            };
            show("picks");
        };
    }
})();
