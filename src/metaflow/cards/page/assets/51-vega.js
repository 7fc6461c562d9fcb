/* Charts in Vega-Lite and Vega. Their expressions are interpreted, never run as code, and they load nothing. */
(() => {
  const refuse = async () => { throw new Error("cards load nothing"); };
  const loader = {
    load: refuse, http: refuse, file: refuse, options: {},
    sanitize: async (address, options) => {
      const allowed = options?.context === "href" ? /^https?:\/\//i : /^data:image\//i;
      if (!allowed.test(String(address))) throw new Error("such an address is not followed");
      return { href: String(address), target: "_blank", rel: "noopener noreferrer" };
    },
  };
  const theme = () => {
    const { text, muted, line, sans, series } = metaflowCard.palette();
    const words = { labelColor: muted, titleColor: text, labelFont: sans, titleFont: sans };
    return {
      background: "transparent", font: sans, mark: { color: series[0] },
      title: { color: text, subtitleColor: muted, font: sans, subtitleFont: sans, anchor: "start", fontSize: 14 },
      axis: { ...words, gridColor: line, domainColor: line, tickColor: line }, legend: words, header: words,
      style: { "guide-label": { fill: muted, font: sans }, "guide-title": { fill: text, font: sans }, "group-title": { fill: text, font: sans }, "group-subtitle": { fill: muted, font: sans } },
      text: { color: text }, rule: { color: muted }, range: { category: series },
      view: { stroke: line, continuousHeight: 260, continuousWidth: 320 },
    };
  };
  const withRows = ({ mode, spec, data }) => {
    if (mode === "vega-lite") return { ...spec, datasets: data };
    const fill = (each) => (each && Object.hasOwn(data, each.name) ? { ...each, values: data[each.name] } : each);
    return JSON.parse(JSON.stringify(spec), (key, value) => (key === "data" && Array.isArray(value) ? value.map(fill) : value));
  };
  const converters = {
    date: (value) => (value === null || value === "" ? null : new Date(value)),
    number: (value) => (value === null || value === "" ? null : +value),
    string: (value) => (value === null || value === "" ? null : String(value)),
    boolean: (value) => (value === null || value === "" ? null : value === true || (value !== "false" && Boolean(value))),
  };
  /* Puts other rows into a chart that is drawn; false if it has to be drawn anew. */
  const change = async ({ result }, data) => {
    const sources = result.vgSpec.data ?? [];
    const changes = [];
    for (const [name, rows] of Object.entries(data)) {
      const source = sources.find((each) => each.name === name);
      const parse = Object.entries(source?.format?.parse ?? {});
      const simple = parse.every(([, how]) => how === null || how in converters);
      if (!source || !simple || !Array.isArray(rows) || source.format?.property) return false;
      for (const row of rows) for (const [field, how] of parse) if (how && row && field in row) row[field] = converters[how](row[field]);
      changes.push([name, rows]);
    }
    for (const [name, rows] of changes) result.view.change(name, result.view.changeset().remove(() => true).insert(rows));
    await result.view.runAsync();
    return true;
  };
  let view;
  const viewClass = async () => {
    if (!view) {
      const empty = await window.vegaEmbed(document.createElement("div"), { width: 1, height: 1 }, { mode: "vega", ast: true, actions: false, defaultStyle: false });
      view = empty.view.constructor;
      empty.finalize();
    }
    return view;
  };
  const embed = async (element, settings) => {
    const View = await viewClass();
    const problems = [];
    const logger = { level: () => logger, warn: () => logger, info: () => logger, debug: () => logger, error: (...words) => { problems.push(words.map((word) => word?.message ?? word).join(" ")); return logger; } };
    const result = await window.vegaEmbed(element, withRows(settings), {
      mode: settings.mode, renderer: settings.renderer, ast: true, loader, config: theme(), defaultStyle: false, logLevel: 0,
      actions: false, // its links do not work by keyboard, and one of them sends the chart to a web site
      tooltip: { theme: "card", disableDefaultStyle: true },
      viewClass: class extends View { constructor(runtime, options) { super(runtime, { ...options, logger }); } },
    });
    if (problems.length) {
      result.finalize();
      throw new Error(problems[0]);
    }
    return result;
  };
  const controls = (element, result) => {
    const bar = document.createElement("div");
    bar.className = "mf-toolbar";
    for (const kind of ["svg", "png"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "mf-button";
      button.textContent = `Save as ${kind.toUpperCase()}`;
      button.addEventListener("click", async () => {
        const link = document.createElement("a");
        link.href = await result.view.toImageURL(kind, 2);
        link.download = `chart.${kind}`;
        link.click();
      });
      bar.append(button);
    }
    element.append(bar);
  };
  metaflowCard.chart("vega", {
    isReady: () => Boolean(window.vegaEmbed),
    draw: async (place, read, before, sameData) => {
      const settings = read();
      const { data, ...rest } = settings;
      const shape = JSON.stringify(rest);
      if (before && !sameData && before.shape === shape && (await change(before, data))) return before;
      const element = document.createElement("div");
      element.className = "mf-chart-view";
      if (before) element.classList.add("mf-chart-coming");
      place.append(element);
      try {
        const result = await embed(element, settings);
        // The place of the chart says what it is, and the table below it what is in it: better than a mark at a time.
        for (const name of ["role", "aria-label", "aria-roledescription"]) element.removeAttribute(name);
        element.querySelector("svg, canvas")?.setAttribute("aria-hidden", "true");
        const inputs = element.querySelector("form");
        if (!inputs?.childElementCount) inputs?.remove();
        inputs?.addEventListener("submit", (event) => event.preventDefault());
        before?.result.finalize();
        before?.element.remove();
        element.classList.remove("mf-chart-coming");
        if (settings.actions) controls(element, result);
        return { shape, element, result };
      } catch (error) {
        element.remove();
        throw error;
      }
    },
    drop: ({ result }) => result.finalize(),
  });
})();
