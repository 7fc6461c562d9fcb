"use strict";
(() => {
  /* Everything that comes from a flow is put on the page as text, and a card only as the address of a frame that is a
     stranger to this page (see `sandbox`): it is told of updates, and cannot ask for anything. */
  const FRAME_RIGHTS = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox";
  const LEAST_WAIT = 500, LONGEST_WAIT = 15000;
  const at = (id) => document.getElementById(id);
  const flow = document.documentElement.dataset.flow;
  let info = null, infoTag = "", infoSearch = null;
  /* What is wanted: the card that a person chose, or the newest (then `chosen` is false). */
  let wanted = null, chosen = false;
  /* What is shown: the card's name, the page's token, the latest document. */
  let shown = { card: null, token: null, tag: "", payload: null, complete: false, busy: false };
  let failures = 0, newRunNote = "";

  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const address = (kind, card) => `/${kind}/${card.split("/").map(encodeURIComponent).join("/")}`;
  const place = (card) => `#/${card.split("/").map(encodeURIComponent).join("/")}`;
  const cardOfPlace = () => {
    try {
      const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
      return parts.length === 5 && parts[0] === flow ? parts.join("/") : null;
    } catch { return null; }
  };

  /* Ask the server; null if nothing has changed. */
  const ask = async (path, tag) => {
    const response = await fetch(path, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {}, signal: AbortSignal.timeout(30000) });
    if (response.status === 304) return null;
    const document = await response.json();
    return { code: response.status, tag: response.headers.get("ETag") ?? "", document };
  };

  const notice = (text) => {
    const element = at("notice");
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  };

  /* The list of cards. */
  const showRun = () => {
    at("run").textContent = info.run_id ? `run ${info.run_id}` : "";
    const status = at("run-status");
    const word = { running: "running", done: "finished", failed: "failed", stopped: "stopped" }[info.run_status] ?? info.run_status ?? "";
    if (status.textContent !== word) status.textContent = word;
    status.dataset.status = info.run_status ?? "";
    document.title = `${info.run_status === "running" ? "● " : ""}Cards of ${flow}`;
  };
  const showList = () => {
    const list = at("list");
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.card : null;
    const groups = new Map();
    for (const card of info.cards) groups.set(card.step, [...(groups.get(card.step) ?? []), card]);
    const made = [];
    for (const [step, cards] of groups) {
      made.push(make("h2", step));
      const entries = make("ul");
      for (const card of cards) entries.append(entry(card));
      made.push(entries);
    }
    list.replaceChildren(...made);
    if (focused) [...list.querySelectorAll("a")].find((link) => link.dataset.card === focused)?.focus();
    const searching = at("search").value.trim() !== "";
    const more = info.cards_found > info.cards.length;
    at("count").textContent = more
      ? `The newest ${info.cards.length} of ${info.cards_found.toLocaleString()} ${searching ? "found" : "cards"}. Search to see others.`
      : searching ? `${info.cards_found} of ${info.cards_in_all.toLocaleString()} cards.` : "";
  };
  const entry = (card) => {
    const link = make("a");
    link.href = place(card.card);
    link.dataset.card = card.card;
    if (card.card === wanted) link.setAttribute("aria-current", "true");
    const dot = make("span", undefined, "dot");
    dot.dataset.status = card.task_status;
    const name = make("span");
    name.append(make("bdi", `${card.task_id} · ${[card.card_object.type, card.card_object.id].filter(Boolean).join(" ")}`));
    name.append(make("span", `, ${card.task_status}`, "unseen"));
    link.append(dot, name);
    const about = [card.foreach, card.attempt ? `attempt ${card.attempt}` : "", card.origin ? `from run ${card.origin.split("/")[1]}` : ""].filter(Boolean).join(" · ");
    if (about) { const line = make("bdi", about, "muted small"); link.append(line); }
    const item = make("li");
    item.append(link);
    return item;
  };
  const markCurrent = () => {
    for (const link of at("list").querySelectorAll("a")) {
      if (link.dataset.card === wanted) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };

  /* Which card to show. */
  const sameCard = (name, before) => {
    const [, , step, task] = name.split("/");
    const like = before ? info.cards.filter((c) => c.step === step && c.card_object.type === before.type && c.card_object.id === before.id) : [];
    return like.find((c) => c.task_id === task) ?? like[0];
  };
  let wantedObject = null;
  const choose = (runChanged) => {
    const known = info.cards.find((card) => card.card === wanted);
    if (known) wantedObject = known.card_object;
    if (runChanged && chosen && wanted) {
      newRunNote = `Run ${info.run_id} has started. Its card will be shown here as soon as there is one.`;
    }
    if (chosen && wanted) {
      if (wanted.split("/")[1] !== info.run_id && info.follows && newRunNote) {
        const next = sameCard(wanted, wantedObject);
        if (next) { newRunNote = ""; want(next.card, true); }
      } else newRunNote = "";
      return;
    }
    newRunNote = "";
    const newest = info.cards[0];
    if (newest && at("search").value.trim() === "" && newest.card !== wanted) want(newest.card, false);
  };
  const want = (card, byChoice) => {
    wanted = card;
    chosen = byChoice;
    wantedObject = info?.cards.find((each) => each.card === card)?.card_object ?? wantedObject;
    markCurrent();
    if (shown.card !== card) {
      shown = { card, token: null, tag: "", payload: null, complete: false, busy: false };
      look();
    }
  };

  /* The card itself. */
  const tokenOf = (document) => (document.payload ? `token ${document.payload.reload_token}` : `version ${document.version}`);
  const look = async () => {
    const looking = shown;
    if (!looking.card || looking.busy) return;
    looking.busy = true;
    try {
      const found = await ask(address("data", looking.card), looking.tag);
      if (found === null || looking !== shown) return;
      if (found.code === 404) { missing(looking); return; }
      if (found.code !== 200) { notice(found.document.message ?? "The card cannot be read."); return; }
      looking.tag = found.tag;
      looking.payload = found.document.payload;
      looking.complete = found.document.is_complete;
      const token = tokenOf(found.document);
      if (token !== looking.token) { looking.token = token; load(looking); } else tell(looking);
    } catch (error) { gone(error); } finally { looking.busy = false; }
  };
  const missing = (looking) => {
    Object.assign(looking, { token: null, tag: "", frame: null }); // should it come back, it is loaded anew
    at("frames").replaceChildren();
    at("empty").textContent = "This card is not there (any more).";
    at("empty").hidden = false;
    at("head").hidden = true;
  };
  /* The new page comes up behind the old one, so that nothing flickers. */
  const load = (looking) => {
    const frames = at("frames");
    for (const frame of frames.querySelectorAll("[data-coming]")) frame.remove();
    const frame = make("iframe");
    frame.setAttribute("sandbox", FRAME_RIGHTS);
    frame.title = `Card ${looking.card.split("/").slice(2).join(" ")}`;
    frame.dataset.coming = "";
    frame.addEventListener("load", () => {
      if (looking !== shown || !frame.isConnected) return;
      for (const other of [...frames.children]) if (other !== frame) other.remove();
      delete frame.dataset.coming;
      looking.frame = frame;
      if (looking.top) frame.contentWindow?.postMessage({ type: "metaflow-card-place", top: looking.top }, "*");
      tell(looking);
    });
    frame.src = address("card", looking.card);
    frames.append(frame);
    at("empty").hidden = true;
    const [, run, step, task] = looking.card.split("/");
    at("title").textContent = `${step} / ${task}${run === info?.run_id ? "" : ` of run ${run}`}`;
    at("alone").href = address("card", looking.card);
    at("head").hidden = false;
  };
  /* Where the reader is in the card, as its page says. */
  addEventListener("message", ({ source, data }) => {
    if (shown.frame && source === shown.frame.contentWindow && data?.type === "metaflow-card-place") shown.top = Number(data.top) || 0;
  });
  const tell = (looking) => {
    const data = looking.payload?.data;
    if (!looking.frame || !data || data.render_seq === "final") return;
    // A task that failed left no last page: what it showed last is no longer live.
    const told = looking.complete ? { ...data, render_seq: "final" } : data;
    // The frame's origin is opaque, so there is no other name for it; the data is that card's own.
    looking.frame.contentWindow?.postMessage({ type: "metaflow-card-update", data: told }, "*");
  };

  /* Asking again and again. */
  const gone = () => {
    failures += 1;
    notice("The viewer's server does not answer. It may have been ended; this page goes on as soon as it is there again.");
  };
  const refresh = async () => {
    const search = at("search").value.trim();
    try {
      const found = await ask(`/runinfo${search ? `?search=${encodeURIComponent(search)}` : ""}`, search === infoSearch ? infoTag : "");
      failures = 0;
      if (found !== null && found.code !== 200) { notice(found.document.message ?? "The run cannot be read."); return; }
      if (found !== null) {
        const runChanged = info !== null && info.run_id !== found.document.run_id;
        info = found.document;
        infoTag = found.tag;
        infoSearch = search;
        showRun();
        choose(runChanged);
        showList();
        if (!info.cards_in_all && !shown.card) {
          at("empty").textContent = !info.run_id ? `${flow} has no run yet. Its cards will be shown here as soon as there are some.`
            : info.run_status === "running" ? "This run has no cards yet. They will be shown here as soon as there are some."
            : "This run has no cards.";
        }
      }
      notice(newRunNote);
      /* The list may say that a task goes on again, or that its card was replaced, after it was complete. */
      const entry = info?.cards.find((card) => card.card === shown.card);
      const replaced = entry && !shown.payload && shown.token && shown.token !== `version ${entry.version}`;
      if (shown.card && (!shown.complete || (entry && !entry.finished) || replaced || !shown.token)) await look();
    } catch (error) { gone(error); }
  };
  let timer = 0, running = false;
  const round = async () => {
    clearTimeout(timer);
    if (running) return;
    running = true;
    if (!document.hidden) await refresh();
    running = false;
    const wait = Math.max((info?.poll_interval ?? 1) * 1000, LEAST_WAIT);
    timer = setTimeout(round, failures ? Math.min(wait * 2 ** Math.min(failures, 5), LONGEST_WAIT) : wait);
  };

  let typing = 0;
  at("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(round, 200); });
  addEventListener("hashchange", () => { const card = cardOfPlace(); if (card) want(card, true); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) round(); });
  at("list").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...at("list").querySelectorAll("a")];
    const index = links.indexOf(document.activeElement);
    if (!step || index < 0) return;
    event.preventDefault();
    links[Math.min(Math.max(index + step, 0), links.length - 1)].focus();
  });
  const asked = cardOfPlace();
  if (asked) want(asked, true);
  round();
})();
