// Menus of many files (ui/entries.py): their entries come when a menu gets the focus, before Gradio learns of it, and go when it is left.
"use strict";
(() => {
    const easel = window.easel;
    const ids = easel.long;
    const SHORT = 500;

    const lists = new Map(); // of the menus that are full
    const wanted = new Set(); // to be filled by the next press
    const opening = new Set(); // inputs whose entries are on their way
    let done = [];

    const idOf = (target) => target instanceof HTMLInputElement && target.getAttribute("role") === "combobox" ? ids.find((id) => target.closest(`[id="${id}"]`)) : undefined;
    const nothing = { __type__: "update" };

    easel.entries = {
        full: () => ids.map((id) => wanted.delete(id) ? { ...nothing, choices: lists.get(id) } : nothing),
        filled: () => done.splice(0).forEach((act) => act()),
        // values: of all menus. Those that are not in use keep what is chosen.
        short: (values) => ids.map((id, at) => {
            const entries = lists.get(id);
            const menu = easel.byId(id);
            if (!entries || (menu && menu.contains(document.activeElement))) return nothing;
            lists.delete(id);
            wanted.delete(id);  // left before its entries could be put in
            const chosen = [values[at]].flat();
            return { ...nothing, choices: entries.filter(([, value]) => chosen.includes(value)) };
        }),
    };

    window.addEventListener("focus", async (event) => {
        const input = event.target;
        const id = event.isTrusted && idOf(input);
        if (!id || lists.has(id)) return;
        event.stopImmediatePropagation();
        if (opening.has(input)) return;
        opening.add(input);
        try {
            lists.set(id, (await easel.ask(`entries/${id}`)).entries);
            wanted.add(id);
            await new Promise((act) => {
                done.push(act);
                easel.byId("easel_entries_full").click();
            });
        } catch (error) {
            easel.say(error.message, "error");
        }
        opening.delete(input);
        if (document.activeElement === input) {
            input.dispatchEvent(new FocusEvent("focus"));
            if (input.selectionStart === input.selectionEnd) input.select();
        }
    }, true);
    // What is typed before the entries are there would be lost with the old text.
    window.addEventListener("keydown", (event) => {
        if (!opening.has(event.target) || ["Tab", "Escape"].includes(event.key)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
    }, true);

    let soon = 0;
    window.addEventListener("focusout", (event) => {
        if (!idOf(event.target)) return;
        clearTimeout(soon);
        soon = setTimeout(() => { if (lists.size) easel.byId("easel_entries_short").click(); }, SHORT);
    }, true);
})();
