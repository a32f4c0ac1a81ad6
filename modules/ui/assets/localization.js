// The page in another language (ui/localization.py): texts are replaced as they come onto the page, before they are painted. On the page only when a language is chosen.
"use strict";
(() => {
    const { language, texts } = window.easel.localization;
    // What people, models and files say, and what a menu compares with its own list.
    const OTHERS = "textarea, script, style, code, [translate='no'], [role='listbox'], .easel-info, .prompt, #easel_weights td, #easel_compare td, #pnginfo_html_info tbody, #setting_sd_model_checkpoint";
    const OURS = ".state";
    const ATTRIBUTES = ["title", "aria-label", "placeholder", "alt", "aria-description"];

    const bare = (text) => text.replace(/\s+/g, " ").trim();
    const exact = new Map();
    const patterns = [];
    for (const [from, to] of Object.entries(texts)) {
        const key = bare(from);
        exact.set(key, to);
        if (!/\{\d\}/.test(key)) continue;
        const places = [...key.matchAll(/\{(\d)\}/g)].map((found) => found[1]);
        const source = key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\\\{\d\\\}/g, "(.+?)");
        patterns.push({ length: key.length, expression: new RegExp(`^${source}$`, "s"), places, to });
    }
    patterns.sort((one, other) => other.length - one.length);

    const word = (text) => exact.get(text) ?? (text.includes(", ") ? text.split(", ").map((part) => exact.get(part) ?? part).join(", ") : text);
    // A message of several sentences is looked up sentence by sentence: what is wrong and what to do are told together in many ways.
    const SENTENCES = /(?<=[.!?…]) +(?=[\p{Lu}\d“"'])/u;
    const translated = (text) => {
        const key = bare(text);
        if (!/\p{L}/u.test(key)) return text;
        const found = exact.get(key) ?? parted(key, "every") ?? patterned(key) ?? parted(key, "some");
        return found === undefined ? text : text.match(/^\s*/)[0] + found + text.match(/\s*$/)[0];
    };
    const parted = (key, how) => {
        const parts = key.split(SENTENCES);
        if (parts.length < 2) return undefined;
        const each = parts.map((part) => exact.get(part) ?? patterned(part));
        return each[how]((one) => one !== undefined) ? parts.map((part, at) => each[at] ?? part).join(" ") : undefined;
    };
    const patterned = (key) => {
        const pattern = patterns.find((one) => one.expression.test(key));
        if (!pattern) return undefined;
        const parts = key.match(pattern.expression).slice(1);
        const filled = new Map(pattern.places.map((place, at) => [place, word(translated(parts[at]))]));
        return pattern.to.replace(/\{(\d)\}/g, (whole, place) => filled.get(place) ?? whole);
    };

    const mine = new WeakMap();
    const isOurs = (element) => element && (!element.closest(OTHERS) || element.closest(OURS));
    const text = (node) => {
        if (mine.get(node) === node.data || !isOurs(node.parentElement)) return;
        const found = translated(node.data);
        mine.set(node, found);
        if (found !== node.data) node.data = found;
    };
    const attribute = (element, name) => {
        const value = element.getAttribute(name);
        if (!value || (element.closest(OTHERS) && !element.matches("textarea"))) return;
        const found = translated(value);
        if (found !== value) element.setAttribute(name, found);
    };
    const whole = (root) => {
        if (root.nodeType === Node.TEXT_NODE) text(root);
        if (root.nodeType !== Node.ELEMENT_NODE) return;
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
        for (let node = root; node; node = walker.nextNode()) {
            if (node.nodeType === Node.TEXT_NODE) text(node);
            else for (const name of ATTRIBUTES) if (node.hasAttribute(name)) attribute(node, name);
        }
    };
    new MutationObserver((changes) => {
        for (const change of changes) {
            if (change.type === "characterData") text(change.target);
            else if (change.type === "attributes") attribute(change.target, change.attributeName);
            else change.addedNodes.forEach(whole);
        }
    }).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
    document.documentElement.lang = language;
    whole(document.documentElement);
    window.easel.translated = translated;
})();
