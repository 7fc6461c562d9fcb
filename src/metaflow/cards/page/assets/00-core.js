"use strict";
/* What the scripts of a card share: `upgrade(selector, make)` has `make` called for each element that `selector` finds,
   when the page is loaded and when an update has put new elements into it. What `make` returns, if anything, is a
   function that tells the element's state (such as how a table is sorted); when an update replaces the element,
   `make` is called for the new one with that state as its second argument. */
const metaflowCard = (() => {
  const upgrades = [];
  const states = new WeakMap();
  const upgradeWithin = (root, kept) => {
    for (const [selector, make] of upgrades) {
      let index = 0;
      for (const element of root.querySelectorAll(selector)) {
        const key = `${selector} ${index++}`;
        if (element.dataset.upgraded) continue;
        element.dataset.upgraded = "1";
        try {
          const state = make(element, kept?.get(key));
          if (typeof state === "function") states.set(element, state);
        } catch (error) { console.error(error); }
      }
    }
  };
  const statesWithin = (root) => {
    const found = new Map();
    for (const [selector] of upgrades) {
      let index = 0;
      for (const element of root.querySelectorAll(selector)) {
        const key = `${selector} ${index++}`;
        if (states.has(element)) found.set(key, states.get(element)());
      }
    }
    return found;
  };
  const upgrade = (selector, make) => { upgrades.push([selector, make]); };
  /* A button that copies what `content()` returns. It says what it did, also to those who cannot see it. */
  const copyButton = (content) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "mf-button mf-copy";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      const done = await copy(content());
      button.textContent = done ? "Copied" : "Cannot copy";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
    return button;
  };
  const copy = async (content) => {
    try {
      await navigator.clipboard.writeText(content);
      return true;
    } catch { /* not allowed in frames and in files opened from a disk: the old way */ }
    const area = document.createElement("textarea");
    const focused = document.activeElement;
    area.value = content;
    area.className = "mf-visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    return done;
  };
  document.addEventListener("DOMContentLoaded", () => upgradeWithin(document));
  return { upgrade, upgradeWithin, statesWithin, copyButton };
})();
