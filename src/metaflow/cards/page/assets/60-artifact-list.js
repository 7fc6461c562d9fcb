/* A long list of artifacts gets a field that filters it by name and type, and a button that opens all of them. */
(() => {
  const LONG = 12;
  metaflowCard.upgrade("ul.mf-artifacts", (list) => {
    const items = [...list.children];
    const folds = items.map((item) => item.querySelector(":scope > details")).filter(Boolean);
    if (items.length < LONG) return;
    const bar = document.createElement("div");
    bar.className = "mf-toolbar";
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "Filter by name or type";
    field.setAttribute("aria-label", "Filter artifacts by name or type");
    field.className = "mf-filter";
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    const words = items.map((item) => [...item.querySelectorAll(".mf-artifact-name, .mf-artifact-type")]
      .map((part) => part.textContent.toLowerCase()).join(" "));
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let shown = 0;
      items.forEach((item, index) => {
        item.hidden = !words[index].includes(wanted);
        if (!item.hidden) shown += 1;
      });
      count.textContent = wanted ? `${shown} of ${items.length}` : "";
    });
    bar.append(field, count);
    if (folds.length) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "mf-button";
      const name = () => { button.textContent = folds.every((fold) => fold.open) ? "Close all" : "Open all"; };
      button.addEventListener("click", () => {
        const open = !folds.every((fold) => fold.open);
        for (const fold of folds) fold.open = open;
        name();
      });
      name();
      bar.append(button);
    }
    list.before(bar);
  });
})();
