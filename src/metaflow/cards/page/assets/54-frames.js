/* Frames with HTML of users: as high as what is in them, and in the colours of the page. Nothing runs in them. */
(() => {
  const root = document.documentElement;
  /* Links lead to places within, or to a page of their own: the frame itself is allowed to go nowhere. */
  const follow = (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link) return;
    const address = link.getAttribute("href");
    if (address.startsWith("#")) {
      event.preventDefault();
      link.ownerDocument.getElementById(address.slice(1))?.scrollIntoView();
    } else link.target = "_blank";
  };
  metaflowCard.upgrade("iframe.mf-html", (frame) => {
    let width = -1;
    let known;
    const fit = () => {
      const inner = frame.contentDocument?.documentElement;
      if (!inner || !frame.clientWidth) return;
      if (known !== inner) inner.addEventListener("click", follow);
      known = inner;
      inner.style.colorScheme = frame.classList.contains("mf-paper") ? "light" : getComputedStyle(root).colorScheme;
      if (frame.hasAttribute("height") || !frame.contentDocument.body) return;
      frame.style.height = "0";
      frame.style.height = `${Math.max(inner.scrollHeight, frame.contentDocument.body.scrollHeight) + 2}px`;
    };
    frame.addEventListener("load", fit);
    // Only when it gets wider or narrower: what is as high as its frame would grow for ever.
    new ResizeObserver(() => { if (frame.clientWidth !== width) { width = frame.clientWidth; fit(); } }).observe(frame);
    fit();
  });
  const fitAll = () => { for (const frame of document.querySelectorAll("iframe.mf-html")) frame.dispatchEvent(new Event("load")); };
  new MutationObserver(fitAll).observe(root, { attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fitAll);
  window.addEventListener("beforeprint", fitAll);
})();
