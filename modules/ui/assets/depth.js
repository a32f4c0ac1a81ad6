// The depth map of a start picture, for checkpoints that draw after one (ui/depth.py). The form's hidden box holds its reference.
"use strict";
(() => {
    const easel = window.easel;
    const box = () => document.querySelector("#img2img_init_depth textarea");
    let canvas = null;
    let written = "";
    let arriving = Promise.resolve();

    const changed = async () => {
        await arriving;
        try {
            const { picture } = await canvas.references();
            if (picture === written) return;
            written = picture;
            easel.put(box(), picture);
        } catch (error) {
            easel.say(error.message, "error", "The depth map could not be brought over");
        }
    };
    easel.depth = {
        // The box changed: by what is on the canvas, or by a picture that was read.
        arrived: (reference) => {
            if (!canvas || reference === written) return;
            written = reference;
            if (!reference) return canvas.remove();
            arriving = canvas.load(reference).catch(() => easel.say("The depth map is not on this machine any more. Give it again, or take it out.", "error"));
        },
    };
    easel.when("#img2img_depth .easel-canvas", (host) => {
        canvas = easel.canvas(host, { name: "Depth map", hint: "Drop a depth map here", changed });
        if (box()) easel.depth.arrived(box().value);
    });
    // The box may come onto the page after the canvas.
    easel.when("#img2img_init_depth textarea", (late) => easel.depth.arrived(late.value));
})();
