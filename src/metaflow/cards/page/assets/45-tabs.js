/* Tabs: one panel at a time, chosen with the mouse or the arrow keys. Without this script, and in print, all panels are
   there, one below the other, each under its name. */
(() => {
  const sets = new Set();
  metaflowCard.upgrade(".mf-tabs", (element, kept) => {
    const panels = [...element.querySelectorAll(":scope > .mf-tab-panel")];
    if (!panels.length) return undefined;
    const list = document.createElement("div");
    list.className = "mf-tab-list mf-screen-only";
    list.setAttribute("role", "tablist");
    let chosen = 0;
    const tabs = panels.map((panel, index) => {
      const head = panel.querySelector(":scope > .mf-tab-label");
      const tab = document.createElement("button");
      tab.type = "button";
      tab.className = "mf-tab";
      tab.id = `${panel.id}-tab`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      tab.dir = "auto";
      tab.textContent = head.textContent;
      tab.addEventListener("click", () => choose(index));
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.tabIndex = 0;
      list.append(tab);
      return tab;
    });
    const show = () => panels.forEach((panel, index) => {
      panel.hidden = index !== chosen;
      tabs[index].setAttribute("aria-selected", String(index === chosen));
      tabs[index].tabIndex = index === chosen ? 0 : -1;
    });
    const choose = (index) => { chosen = index; show(); };
    list.addEventListener("keydown", (event) => {
      const forward = getComputedStyle(list).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
      const last = tabs.length - 1;
      const steps = { Home: -chosen, End: last - chosen, ArrowLeft: -1, ArrowRight: -1, [forward]: 1 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      choose((chosen + steps[event.key] + tabs.length) % tabs.length);
      tabs[chosen].focus();
    });
    element.prepend(list);
    element.classList.add("mf-tabs-ready");
    // By name, as an update may bring other tabs; the focus of the one that was replaced goes with it.
    const same = kept ? tabs.findIndex((tab) => tab.textContent === kept.name) : -1;
    choose(Math.max(same, 0));
    if (same >= 0 && kept.focused) tabs[same].focus({ preventScroll: true });
    forAll(() => {}); // those that an update has removed are let go
    sets.add({ element, panels, show });
    return () => ({ name: tabs[chosen].textContent, focused: document.activeElement === tabs[chosen] });
  });
  const forAll = (act) => {
    for (const set of sets) set.element.isConnected ? act(set) : sets.delete(set);
  };
  window.addEventListener("beforeprint", () => forAll((set) => set.panels.forEach((panel) => { panel.hidden = false; })));
  window.addEventListener("afterprint", () => forAll((set) => set.show()));
})();
