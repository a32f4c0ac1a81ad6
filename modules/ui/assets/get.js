// Getting models (ui/models.py): from the hub by a repository's name, or from an address. Nothing is asked of another machine until a button here is pressed.
"use strict";
(() => {
    const easel = window.easel;
    const models = easel.models;
    const make = easel.make;

    const kinds = (chosen) => models.select(models.groups.filter((group) => group.id !== "other").map((group) => [group.id, group.label]), chosen);

    const fromHub = (place, dialog) => {
        const repository = make("input", { type: "text", placeholder: "owner/name", autocomplete: "off", spellcheck: "false", required: true, maxlength: 400 });
        const revision = make("input", { type: "text", placeholder: "main", autocomplete: "off", spellcheck: "false", maxlength: 100 });
        const said = make("p", { class: "said", role: "status" });
        const found = make("div", { class: "found" });
        const press = make("button", { type: "submit" }, "Look what is there");
        const form = make("form", {}, make("div", { class: "pair" }, models.field("Repository", repository), models.field("Revision", revision)), make("div", { class: "actions" }, press), said);
        const choose = (told) => {
            const kind = kinds(told.group);
            const list = make("ul", { class: "offers" });
            for (const offer of told.offers) {
                const facts = [offer.folder ? `${offer.files} files` : "", offer.variant, models.size(offer.size)].filter(Boolean).join(" · ");
                const note = make("p", { class: "said", role: "status" });
                const take = models.button("Get", `Get ${offer.name}`, async () => {
                    if (await models.start("stock/get", { repository: told.repository, revision: told.revision, offer: offer.id, group: kind.value }, note)) dialog.close();
                });
                list.append(make("li", {}, make("div", { class: "words" }, make("b", {}, offer.name), make("span", { class: "more" }, facts), note), take));
            }
            const facts = make("dl", {}, ...[["Repository", told.repository], ["Revision", told.revision.slice(0, 12)], ["Licence", told.licence || "not stated"], ["Base model", told.base]].filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
            found.replaceChildren(facts, models.field("Put it among", kind), told.offers.length ? list : make("p", { class: "hint" }, "There is nothing in it that is taken: no safetensors and no GGUF file."));
        };
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            press.disabled = true;
            said.classList.remove("error");
            said.textContent = "Asking the hub …";
            found.replaceChildren();
            try {
                choose(await easel.ask("stock/look", { repository: repository.value, revision: revision.value }));
                said.textContent = "";
            } catch (error) {
                said.textContent = error.message;
                said.classList.add("error");
            } finally {
                press.disabled = false;
            }
        });
        place.append(make("p", { class: "hint" }, "Asks the model hub for a repository, with the login of its own command line tool if there is one. Safetensors and GGUF only."), form, found);
    };

    const fromAddress = (place, dialog) => {
        const url = make("input", { type: "url", placeholder: "https://…/model.safetensors", autocomplete: "off", required: true, maxlength: 4000 });
        const name = make("input", { type: "text", maxlength: 200, placeholder: "As in the address" });
        const sha256 = make("input", { type: "text", maxlength: 64, autocomplete: "off", spellcheck: "false", placeholder: "Not checked" });
        const kind = kinds(models.groups.some((group) => group.id === models.chosenGroup()) ? models.chosenGroup() : "checkpoint");
        const pickles = make("input", { type: "checkbox" });
        const said = make("p", { class: "said", role: "status" });
        const form = make("form", {}, models.field("Address", url), make("div", { class: "pair" }, models.field("Put it among", kind), models.field("Name", name)), models.field("sha256", sha256), make("label", { class: "check" }, pickles, make("span", {}, "Take a pickle, too")), make("div", { class: "actions" }, make("button", { type: "submit", class: "primary" }, "Get")), said);
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            said.textContent = "";
            if (await models.start("stock/fetch", { url: url.value, group: kind.value, name: name.value, sha256: sha256.value, pickles: pickles.checked }, said)) dialog.close();
        });
        place.append(make("p", { class: "hint" }, "Public addresses only. What was fetched of a file that broke off is gone on with; it is listed when it is whole."), form);
    };

    const open = () => {
        const pages = make("div", { class: "page" });
        const bar = make("div", { class: "pages", role: "group", "aria-label": "Sources" });
        const dialog = easel.dialog("easel_get", "Get models", bar, pages);
        dialog.addEventListener("close", () => dialog.remove());
        const show = (label, fill) => {
            for (const one of bar.children) one.setAttribute("aria-pressed", String(one.textContent === label));
            const place = make("div", {});
            pages.replaceChildren(place);
            fill(place, dialog);
            place.querySelector("input").focus();
        };
        const entries = [["From the hub", fromHub], ["From an address", fromAddress]];
        bar.append(...entries.map(([label, fill]) => make("button", { type: "button", "aria-pressed": "false", onclick: () => show(label, fill) }, label)));
        dialog.show();
        show(...entries[0]);
    };
    models.acts.unshift(["get", "Get models", "Fetch models from the hub or from an address", open]);
})();
