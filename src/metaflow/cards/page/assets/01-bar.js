/* The title bar: dark or light, and times in the reader's own time zone. */
(() => {
  const root = document.documentElement;
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  metaflowCard.upgrade("[data-theme-button]", (button) => {
    const tell = () => button.setAttribute("aria-pressed", String(isDark()));
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("metaflow-card-theme", root.dataset.theme); } catch { /* no storage in this frame */ }
      tell();
      document.dispatchEvent(new CustomEvent("metaflow-card-theme"));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      tell();
      document.dispatchEvent(new CustomEvent("metaflow-card-theme"));
    });
    tell();
  });
  metaflowCard.upgrade("time[datetime]:not(.mf-moment)", (element) => {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    element.title = element.textContent;
    element.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  });
})();
