/* Viewers of data: unfolding all, search, copies. */
(() => {
  const make = (tag, attributes, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) { element.setAttribute(name, value); }
    element.append(...content);
    return element;
  };

  const search = (viewer, field, status) => {
    let hits = [];
    let now = -1;
    const unmark = () => {
      for (const hit of hits) { hit.classList.remove("mf-hit", "mf-hit-now"); }
      hits = [];
      now = -1;
    };
    const go = (step) => {
      if (!hits.length) { return; }
      hits[now]?.classList.remove("mf-hit-now");
      now = (now + step + hits.length) % hits.length;
      const hit = hits[now];
      hit.classList.add("mf-hit-now");
      for (let at = hit.closest("details"); at && viewer.contains(at); at = at.parentElement.closest("details")) {
        if (hit.parentElement !== at) { at.open = true; } // what is below a line that was found may stay folded
      }
      const body = viewer.querySelector(".mf-data-body");
      body.scrollTop += hit.getBoundingClientRect().top - body.getBoundingClientRect().top - body.clientHeight / 3;
      status.textContent = `${now + 1} of ${hits.length}`;
    };
    const find = () => {
      unmark();
      const words = field.value.trim().toLowerCase();
      status.textContent = "";
      if (!words) { return; }
      hits = [...viewer.querySelectorAll(".mf-line")].filter((line) => line.textContent.toLowerCase().includes(words));
      for (const hit of hits) { hit.classList.add("mf-hit"); }
      if (hits.length) { go(1); } else { status.textContent = "Not found"; }
    };
    let timer = 0;
    field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 150); });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
    });
    return find;
  };

  metaflowCard.upgrade(".mf-data", (viewer, state) => {
    const body = viewer.querySelector(".mf-data-body");
    const tools = make("span", { class: "mf-toolbar" });
    const field = make("input", { type: "search", class: "mf-field", placeholder: "Find", "aria-label": "Find in the data", autocomplete: "off" });
    const status = make("span", { role: "status" });
    const find = search(viewer, field, status);
    const lines = viewer.querySelectorAll(".mf-line").length;
    if (lines > 10) { tools.append(status, field); }
    const folds = [...body.querySelectorAll("details")];
    if (folds.length > 1) {
      const button = (label, isOpen) => {
        const made = make("button", { type: "button", class: "mf-button" }, label);
        made.addEventListener("click", () => { folds.forEach((each, at) => { each.open = isOpen || at === 0; }); });
        return made;
      };
      tools.append(button("Expand all", true), button("Collapse all", false));
    }
    if ("copy" in viewer.dataset) {
      const source = viewer.querySelector(".mf-data-source");
      const written = () => [...viewer.querySelectorAll(".mf-yaml .mf-line")].map((line) => line.textContent).join("\n");
      tools.append(metaflowCard.copyButton(() => source ? source.textContent : `${written()}\n`));
    }
    viewer.querySelector(".mf-data-head").append(tools);
    if (viewer.dataset.maxHeight) { body.style.maxHeight = viewer.dataset.maxHeight; }
    if (state?.field) { field.value = state.field; find(); }
    return () => ({ field: field.value });
  });
})();
