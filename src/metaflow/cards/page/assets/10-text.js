/* Buttons that copy code and logs, and images that can be enlarged. */
(() => {
  metaflowCard.upgrade("pre[data-copy]", (block) => {
    const frame = document.createElement("div");
    frame.className = "mf-copy-frame";
    block.replaceWith(frame);
    frame.append(block, metaflowCard.copyButton(() => block.textContent));
  });

  metaflowCard.upgrade(".mf-log-end", (log) => {
    const block = log.querySelector("pre");
    block.scrollTop = block.scrollHeight;
  });

  const enlarge = (image, button) => {
    const dialog = document.createElement("dialog");
    const close = document.createElement("button");
    const large = image.cloneNode();
    dialog.className = "mf-enlarged";
    dialog.setAttribute("aria-label", image.alt);
    close.className = "mf-button";
    close.type = "button";
    close.textContent = "Close";
    dialog.append(large, close);
    document.body.append(dialog);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); button.focus({ preventScroll: true }); });
    dialog.showModal();
  };
  metaflowCard.upgrade("img.mf-zoomable", (image) => {
    if (image.closest("a, button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "mf-zoom";
    button.setAttribute("aria-label", `Enlarge: ${image.alt}`);
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => enlarge(image, button));
  });
})();
