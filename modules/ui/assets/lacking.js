// Widgets that mean nothing to the chosen checkpoint lie dead and say why, and so do entries of menus (ui/lacking.py). Goes by what the menu shows, whoever changed it.
"use strict";
(() => {
    const easel = window.easel;
    const EVERY = 500;
    let known = "";
    let lacks = {};
    let unsuited = {};

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
        document.querySelectorAll(ENTRIES).forEach(mark);
    };
    // A menu makes its entries when it is opened.
    const ENTRIES = '[role="option"][data-index]';
    const mark = (entry) => {
        const { places = [], words = [], why = "", reasons = {}, marked = false } = unsuited[entry.closest(".block[id]")?.id] || {};
        const place = Number(entry.dataset.index);
        const dead = places.includes(place) || words.includes(entry.getAttribute("aria-label"));
        const state = !dead ? "" : marked ? "marked" : "unsuited";
        if (state === (entry.dataset.suits || "")) return;
        entry.dataset.suits = state;
        entry.classList.toggle("easel-marked", state === "marked");
        entry.classList.toggle("easel-unsuited", state === "unsuited");
        entry.title = dead ? reasons[place] || why : "";
        if (state === "unsuited") entry.setAttribute("aria-disabled", "true");
        else entry.removeAttribute("aria-disabled");
    };
    easel.when(ENTRIES, mark);
    const refuse = (event) => {
        event.preventDefault();
        event.stopPropagation();
    };
    document.addEventListener("mousedown", (event) => {
        if (event.target.closest?.(".easel-unsuited")) refuse(event);
    }, true);
    document.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target.closest?.(".block")?.querySelector(".easel-unsuited.active")) refuse(event);
    }, true);
    const look = async () => {
        const model = easel.model();
        if (!model || model === known) return show();
        known = model;
        try {
            const found = await easel.ask("lacks", { model });
            if (model === known) [lacks, unsuited, document.body.dataset.variant] = [found.lacks || {}, found.unsuited || {}, found.variant || ""];
            show();
        } catch {
            known = "";
        }
    };
    setInterval(look, EVERY);
})();
