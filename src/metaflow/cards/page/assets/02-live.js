/* Updates while the task runs. A viewer hands over what it got; HTML in it was made and escaped where the page was made,
   and the page's policy lets no script run that the page did not come with: so it may be put into the page as it is. */
(() => {
  const shown = new WeakMap(); // element of a component -> the HTML that it was last given
  const waiting = new Map(); // component's id -> HTML that waits until the reader has let go of the text selected in it
  let lastChange = null;
  let lastNews = 0;

  const selects = (element) => {
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && selection.anchorNode && element.contains(selection.anchorNode));
  };

  /* The place of an element within another one, such that the same place can be found again in what replaces it. */
  const placeOf = (element, root) => {
    const steps = [];
    for (let at = element; at !== root; at = at.parentElement) {
      steps.unshift([at.tagName, [...at.parentElement.children].indexOf(at)]);
    }
    return steps;
  };
  const atPlace = (steps, root) => {
    let at = root;
    for (const [tag, index] of steps) {
      at = at?.children[index];
      if (at?.tagName !== tag) return null;
    }
    return at;
  };

  const namesOfDetails = (root) => {
    const seen = new Map();
    return [...root.querySelectorAll("details")].map((element) => {
      const name = element.querySelector("summary")?.textContent ?? "";
      const count = seen.get(name) ?? 0;
      seen.set(name, count + 1);
      return [`${name} ${count}`, element];
    });
  };

  /* What readers have done to a component: replacing it must not undo that. */
  const keep = (root) => {
    const active = document.activeElement;
    const focus = active && active !== root && root.contains(active) ? placeOf(active, root) : null;
    const scrolled = [...root.querySelectorAll("*")].filter((each) => each.scrollTop || each.scrollLeft).map((each) => {
      const isAtEnd = each.scrollTop + each.clientHeight >= each.scrollHeight - 4;
      return [placeOf(each, root), each.scrollLeft, isAtEnd ? Infinity : each.scrollTop];
    });
    const open = new Map(namesOfDetails(root).map(([name, element]) => [name, element.open]));
    return { focus, scrolled, open, states: metaflowCard.statesWithin(root) };
  };
  const restore = (root, kept) => {
    for (const [name, element] of namesOfDetails(root)) {
      if (kept.open.has(name)) element.open = kept.open.get(name);
    }
    metaflowCard.upgradeWithin(root, kept.states);
    for (const [place, left, top] of kept.scrolled) {
      atPlace(place, root)?.scrollTo({ left, top: top === Infinity ? 1e9 : top, behavior: "instant" });
    }
    if (kept.focus) atPlace(kept.focus, root)?.focus({ preventScroll: true });
  };

  const replace = (element, id, html) => {
    if (shown.get(element) === html) return false;
    if (selects(element)) {
      waiting.set(id, html);
      return false;
    }
    const template = document.createElement("template");
    template.innerHTML = html;
    const made = template.content.querySelector("[data-component]");
    const fresh = made && made.dataset.component === id ? made : template.content;
    // It was made without knowing below how many headings it stands.
    const lower = Number(element.dataset.level ?? 2) - 2;
    if (lower) {
      for (const heading of fresh.querySelectorAll("h2, h3, h4, h5")) {
        heading.setAttribute("aria-level", Math.min(Number(heading.tagName[1]) + lower, 6));
      }
    }
    const kept = keep(element);
    element.replaceChildren(...fresh.childNodes);
    shown.set(element, html);
    restore(element, kept);
    return true;
  };

  const put = (fragments) => {
    let changed = false;
    for (const [id, html] of Object.entries(fragments)) {
      if (typeof html !== "string") continue;
      for (const element of document.querySelectorAll(`[data-component="${CSS.escape(id)}"]`)) {
        try { changed = replace(element, id, html) || changed; } catch (error) { console.error(error); }
      }
    }
    return changed;
  };
  document.addEventListener("selectionchange", () => {
    if (!waiting.size || !document.getSelection()?.isCollapsed) return;
    const fragments = Object.fromEntries(waiting);
    waiting.clear();
    put(fragments);
  });

  const ago = (seconds) => seconds < 60 ? `${seconds} s ago` : seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
  const tell = () => {
    const badge = document.querySelector("[data-live-badge]");
    if (badge && lastChange !== null) badge.lastElementChild.textContent = `Live, updated ${ago(Math.round((performance.now() - lastChange) / 1000))}`;
  };
  const announce = (news) => {
    const place = document.querySelector("[data-live-news]");
    if (place) place.textContent = news;
  };
  const noteChange = () => {
    if (lastChange === null) {
      setInterval(tell, 1000);
      document.querySelector("[data-live-badge]")?.classList.add("mf-is-live");
    }
    lastChange = performance.now();
    tell();
    if (!lastNews || lastChange - lastNews > 60000) {
      lastNews = lastChange;
      announce("The card was updated.");
    }
  };
  const explain = (why = "") => {
    const place = document.getElementById("mf-why");
    if ((place?.textContent ?? "") === why) return;
    place?.remove();
    const made = { id: "mf-why", className: "mf-problem", role: "status", textContent: why };
    if (why) document.querySelector("main")?.prepend(Object.assign(document.createElement("p"), made));
  };
  const end = () => {
    if (!document.body.hasAttribute("data-live")) return;
    document.body.removeAttribute("data-live");
    const badge = document.querySelector("[data-live-badge]");
    if (badge) {
      badge.className = "mf-badge";
      badge.textContent = "No more updates: the task is over";
      badge.removeAttribute("data-live-badge");
    }
    announce("The task is over.");
  };

  /* Part of the interface: viewers, also others than ours, call it. Returns whether it could use what it was given. */
  window.metaflow_card_update = (components, fragments) => {
    if (!fragments || typeof fragments !== "object") return false;
    put(fragments);
    noteChange();
    return true;
  };

  /* When the page is loaded anew, the viewer has to know where its reader was: it cannot look into the page. */
  let isTold = true;
  if (window.parent !== window) {
    document.addEventListener("scroll", () => {
      if (isTold) setTimeout(() => { isTold = true; window.parent.postMessage({ type: "metaflow-card-place", top: scrollY }, "*"); }, 100);
      isTold = false;
    }, { passive: true });
  }

  let lastSequence;
  window.addEventListener("message", ({ source, data: message }) => {
    // Only the viewer that shows the page: not a frame in it, which may hold anything.
    if (window.parent === window || source !== window.parent) return;
    if (!message || typeof message !== "object") return;
    if (message.type === "metaflow-card-place") scrollTo({ top: Number(message.top) || 0, behavior: "instant" });
    if (message.type !== "metaflow-card-update") return;
    const { data } = message;
    if (!data || typeof data !== "object") return;
    explain(data.notice);
    const sequence = `${data.render_seq} ${data.component_update_ts}`;
    if (sequence !== lastSequence) {
      lastSequence = sequence;
      window.metaflow_card_update(data.components, data.fragments);
    }
    if (data.render_seq === "final") end();
  });
})();
