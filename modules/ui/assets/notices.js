// What the server has to say until somebody sees to it (a file that cannot be read, an extension that failed): a button in the header with their number, and a list that hangs from
// it. Over the page, never in it: they come and go by themselves, and nothing may move under the hand.
"use strict";
(() => {
    const easel = window.easel;
    const list = easel.make("ul", { id: "easel_reports", popover: "auto", "aria-label": "Notices" });
    easel.when("body", (body) => body.append(list));

    let said = [];
    const show = () => {
        const button = easel.byId("easel_notices");
        if (!button) return;
        button.hidden = !said.length;
        button.querySelector(".count").textContent = said.length || "";
        button.setAttribute("aria-label", `Notices: ${said.length}`);
        if (!said.length && list.matches(":popover-open")) list.hidePopover();
    };

    easel.notices = (texts) => {
        if (texts.length === said.length && texts.every((text, at) => text === said[at])) return;
        said = texts;
        list.replaceChildren(...said.map((text) => easel.make("li", {}, text)));
        show();
    };

    list.addEventListener("toggle", (event) => {
        const button = easel.byId("easel_notices");
        if (button) button.setAttribute("aria-expanded", String(event.newState === "open"));
    });
    list.addEventListener("beforetoggle", (event) => {
        const button = easel.byId("easel_notices");
        if (event.newState !== "open" || !button) return;
        const place = button.getBoundingClientRect();
        list.style.top = `${place.bottom + 6}px`;
        list.style.right = `${Math.max(document.documentElement.clientWidth - place.right, 12)}px`;
    });
    easel.when("#easel_notices", (button) => {
        button.popoverTargetElement = list;
        button.setAttribute("aria-expanded", "false");
        show();
    });
})();
