// Batch: the chosen files of a field for several pictures, and what is told to the server of them when Generate is pressed (ui/batch.py, ui/extras.py).
"use strict";
(() => {
    const easel = window.easel;

    // One for each field: its element has it as `batch`.
    const furnish = (place) => {
        let chosen = [];
        const batch = {};
        const draw = () => {
            place.querySelector("ul").replaceChildren(...chosen.map((one) => easel.make("li", { title: one.file.name },
                easel.make("img", { src: one.url, alt: one.file.name, loading: "lazy" }),
                easel.make("button", { type: "button", "aria-label": `Leave out ${one.file.name}`, onclick: () => drop(one) }, "×"))));
        };
        const drop = (one) => {
            URL.revokeObjectURL(one.url);
            chosen = chosen.filter((other) => other !== one);
            draw();
        };
        batch.takeAll = (files) => {
            const known = new Set(chosen.map(({ file }) => `${file.name} ${file.size} ${file.lastModified}`));
            const fresh = files.filter((file) => !known.has(`${file.name} ${file.size} ${file.lastModified}`));
            chosen.push(...fresh.map((file) => ({ file, url: URL.createObjectURL(file), reference: "" })));
            draw();
        };
        batch.take = (file) => batch.takeAll([file]);

        // folder, masks: of the server's machine; "" for none. files: whether the chosen files count. -> [{name, image, mask}].
        // What cannot be used is named and left out. Throws where the folder cannot be read.
        batch.items = async (folder = "", masks = "", files = true) => {
            const items = [];
            const wrong = [];
            for (const one of files ? chosen : []) {
                try {
                    one.reference = one.reference || (await easel.upload(one.file)).reference;
                    items.push({ name: one.file.name, image: one.reference, mask: "" });
                } catch (error) {
                    wrong.push(`${one.file.name}: ${error.message}`);
                }
            }
            if (folder) {
                const found = await easel.ask("inputs/from-folder", { folder, masks });
                items.push(...found.items);
                wrong.push(...found.left_out);
            }
            if (wrong.length) easel.say(wrong.slice(0, 4).join(" ") + (wrong.length > 4 ? ` … and ${wrong.length - 4} more` : ""), "error", "Left out");
            return items;
        };

        const input = easel.make("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Pictures of the batch" });
        place.append(input);
        place.querySelector(".empty").addEventListener("click", () => input.click());
        input.addEventListener("change", () => {
            batch.takeAll([...input.files]);
            input.value = "";
        });
        return batch;
    };
    easel.when(".easel-batch", (place) => { place.batch = furnish(place); });

    // The batch of the form for work on pictures, with its folders.
    easel.studio.batch = {
        items: () => {
            const [folder, masks] = ["batch_input_dir", "batch_inpaint_mask_dir"].map((name) => easel.panels.img2img.box(name).value.trim());
            return document.querySelector("#img2img_batch_upload .easel-batch").batch.items(folder, masks);
        },
    };
})();
