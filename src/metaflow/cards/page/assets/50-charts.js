/* What charts of all libraries share. A chart is drawn when its place is first seen, again when the colours of the page
   change, and for print in the colours of paper. An update takes the drawing over from the chart that it replaces, so that
   nothing flickers. `metaflowCard.chart(kind, {isReady, draw, drop})`: `draw(place, read, before, sameData)` draws what
   `read()` gives into `place`, where `before` is what it returned the last time, and `drop` frees what that holds. */
metaflowCard.chart = (() => {
  const kinds = new Map();
  const drawings = new Set();
  const root = document.documentElement;

  const say = (drawing, message) => {
    drawing.problem?.remove();
    drawing.problem = undefined;
    if (!message) return;
    drawing.problem = document.createElement("p");
    drawing.problem.className = "mf-problem";
    drawing.problem.setAttribute("role", "note");
    drawing.problem.dir = "auto";
    drawing.problem.textContent = message;
    drawing.place.after(drawing.problem);
    drawing.figure.querySelector(".mf-chart-data")?.setAttribute("open", "");
  };
  const draw = (drawing, sameData) => {
    const turn = (drawing.turn = (drawing.turn ?? 0) + 1);
    drawing.wanted = drawing.wanted && sameData;
    drawing.busy = drawing.busy.then(async () => {
      if (turn !== drawing.turn) return; // one that was asked for later does it
      const all = drawing.wanted;
      drawing.wanted = true;
      try {
        drawing.state = await kinds.get(drawing.kind).draw(drawing.place, drawing.read, drawing.state, all);
        say(drawing, "");
      } catch (error) {
        say(drawing, `This chart cannot be drawn: ${error?.message ?? error}`.slice(0, 2000));
      }
    });
  };
  const drawWhenShown = (drawing) => {
    drawing.pending = () => {
      if (!drawing.place.clientWidth) return;
      observer.disconnect();
      drawing.pending = undefined;
      draw(drawing, false);
    };
    const observer = new ResizeObserver(() => drawing.pending?.());
    observer.observe(drawing.place);
    drawing.pending();
  };
  const forAll = (act) => {
    for (const drawing of drawings) {
      if (drawing.place.isConnected) act(drawing);
      else {
        drawings.delete(drawing);
        if (drawing.state) kinds.get(drawing.kind).drop?.(drawing.state);
      }
    }
  };
  metaflowCard.upgrade(".mf-chart[data-chart]", (figure, kept) => {
    const source = figure.querySelector(':scope > script[type="application/json"]').textContent;
    const place = figure.querySelector(":scope > .mf-chart-place");
    const kind = figure.dataset.chart;
    const drawing = kept?.kind === kind ? kept : { kind, place, busy: Promise.resolve(), wanted: true };
    drawing.figure = figure;
    drawing.read = () => JSON.parse(source);
    if (!kinds.get(kind)?.isReady()) {
      say(drawing, "What draws this chart is not on this page: load the page anew to see it.");
      return undefined;
    }
    if (drawing === kept) {
      kept.place.setAttribute("aria-label", place.getAttribute("aria-label"));
      place.replaceWith(kept.place);
    }
    forAll(() => {}); // those that an update has removed are let go
    drawings.add(drawing);
    if (drawing.state && drawing.place.clientWidth) draw(drawing, false);
    else drawWhenShown(drawing);
    return () => drawing;
  });

  const recolour = () => forAll((drawing) => {
    if (drawing.pending) return;
    if (drawing.place.clientWidth) draw(drawing, true);
    else drawWhenShown(drawing); // it would get the width of its place, which has none now
  });
  new MutationObserver(recolour).observe(root, { attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    forAll((drawing) => drawing.pending?.());
  });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
  });
  return (kind, maker) => kinds.set(kind, maker);
})();

/* The colours and fonts of the page as they are now. */
metaflowCard.palette = () => {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(`--mf-${name}`).trim();
  const names = ["text", "muted", "line", "surface", "sunken", "sans"];
  return { ...Object.fromEntries(names.map((name) => [name, value(name)])), series: Array.from({ length: 12 }, (_, at) => value(`series-${at + 1}`)) };
};
