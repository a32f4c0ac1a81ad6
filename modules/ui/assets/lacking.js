// Widgets that mean nothing to the chosen checkpoint lie dead and say why (ui/lacking.py). Goes by what the menu shows, whoever changed it.
"use strict";
(() => {
    const easel = window.easel;
    const EVERY = 500;
    let known = "";
    let lacks = {};

    const free = (place) => {
        place.classList.remove("easel-lacking");
        place.removeAttribute("title");
        for (const control of place.querySelectorAll("[data-lacking]")) {
            control.disabled = false;
            delete control.dataset.lacking;
        }
    };
    const bind = (place, reason) => {
        place.classList.add("easel-lacking");
        place.title = reason;
        for (const control of place.querySelectorAll("*")) {
            if (!("disabled" in control) || control.disabled) continue;
            control.disabled = true;
            control.dataset.lacking = "";
        }
    };
    // Again and again, for an accordion makes its widgets when it is opened.
    const show = () => {
        for (const place of document.querySelectorAll(".easel-lacking")) if (!(place.id in lacks)) free(place);
        for (const [id, reason] of Object.entries(lacks)) {
            const place = document.getElementById(id);
            if (place) bind(place, reason);
        }
    };
    const look = async () => {
        const model = easel.model();
        if (!model || model === known) return show();
        known = model;
        try {
            const found = await easel.ask("lacks", { model });
            if (model === known) lacks = found;
            show();
        } catch {
            known = "";
        }
    };
    setInterval(look, EVERY);
})();
