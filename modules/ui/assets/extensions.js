// The Extensions tab (ui/extensions.py): the list, its switches, and the error of one that failed.
"use strict";
(() => {
    const easel = window.easel;
    const WORDS = { on: "on", off: "off", failed: "failed, switched off" };

    const row = (one, enabled) => {
        const about = `easel_extension_${one.name}`;
        const box = easel.make("input", { type: "checkbox", role: "switch", "aria-label": `${one.name}: switched on`, "aria-describedby": about, disabled: !enabled, onchange: () => act("extensions", { name: one.name, on: box.checked }) });
        box.checked = one.state === "on";
        const trouble = one.trouble ? easel.make("p", { class: "error", translate: "no" }, one.trouble) : null;
        const again = one.state === "failed" && enabled ? easel.make("button", { type: "button", class: "tool wide", onclick: () => act("extensions", { name: one.name, on: true }) }, "Try again") : null;
        const words = easel.make(
            "div",
            { class: "words", id: about },
            easel.make("p", {}, easel.make("b", { translate: "no" }, one.name), one.version ? ` ${one.version}` : "", " · ", easel.make("span", { class: "state" }, WORDS[one.state])),
            one.description ? easel.make("p", { translate: "no" }, one.description) : null,
            trouble,
            easel.make("p", { class: "place", translate: "no" }, one.place),
            again,
        );
        return easel.make("li", { class: one.state, "data-name": one.name }, easel.make("label", { class: "switch" }, box), words);
    };

    const render = ({ enabled, extensions }) => {
        const place = easel.byId("easel_extensions");
        place.querySelector(".off").hidden = enabled;
        place.querySelector(".none").hidden = extensions.length > 0;
        const focused = document.activeElement && document.activeElement.closest("#easel_extensions li");
        place.querySelector("ul").replaceChildren(...extensions.map((one) => row(one, enabled)));
        const again = focused && place.querySelector(`li[data-name="${CSS.escape(focused.dataset.name)}"] input`);
        if (again) again.focus();
    };

    const act = async (path, body) => {
        try {
            render(await easel.ask(path, body));
        } catch (error) {
            easel.say(error.message, "error");
            if (body) act("extensions");
        }
    };

    easel.when("#extensions_look", (button) => button.addEventListener("click", () => act("extensions/look", {})));
    easel.when("#tab_extensions-button", (button) => button.addEventListener("click", () => act("extensions")));
    easel.when("#easel_extensions", () => act("extensions"));
})();
