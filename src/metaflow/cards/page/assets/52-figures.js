/* Figures of Plotly and Bokeh. */
(() => {
  const merged = (given, ours) => {
    const both = { ...given };
    for (const [key, value] of Object.entries(ours)) {
      const isPart = value && typeof value === "object" && !Array.isArray(value);
      both[key] = isPart ? merged(both[key] ?? {}, value) : value;
    }
    return both;
  };
  const template = () => {
    const { text, muted, line, sans, series } = metaflowCard.palette();
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, tickfont: { color: muted } };
    const clear = "rgba(0,0,0,0)";
    const plane = { ...axis, backgroundcolor: clear };
    return {
      paper_bgcolor: clear, plot_bgcolor: clear, font: { color: text, family: sans }, colorway: series, xaxis: axis, yaxis: axis,
      margin: { l: 60, r: 24, t: 48, b: 48 }, polar: { bgcolor: clear, angularaxis: axis, radialaxis: axis }, scene: { xaxis: plane, yaxis: plane, zaxis: plane },
    };
  };
  metaflowCard.chart("plotly", {
    isReady: () => Boolean(window.Plotly),
    draw: async (place, read, before) => {
      const { figure, themed } = read();
      const layout = { ...figure.layout };
      if (themed) layout.template = merged(layout.template ?? {}, { layout: template() });
      const config = { ...figure.config, responsive: true, displaylogo: false, showLink: false, showSendToCloud: false, plotlyServerURL: "" };
      let { element } = before ?? {};
      if (!element) {
        element = document.createElement("div");
        element.className = "mf-chart-view";
        place.append(element);
      }
      await window.Plotly.react(element, { data: figure.data ?? [], layout, config, frames: figure.frames ?? [] });
      return { element };
    },
    drop: ({ element }) => window.Plotly.purge(element),
  });

  metaflowCard.chart("bokeh", {
    isReady: () => Boolean(window.Bokeh),
    draw: async (place, read, before, sameData) => {
      if (before && sameData) return before; // its colours are its own
      window.Bokeh.set_log_level("error");
      const element = document.createElement("div");
      element.className = before ? "mf-chart-view mf-chart-coming" : "mf-chart-view";
      place.append(element);
      try {
        const views = await window.Bokeh.embed.embed_item({ ...read().item, target_id: null }, element);
        before?.views?.clear?.();
        before?.element.remove();
        element.classList.remove("mf-chart-coming");
        return { element, views };
      } catch (error) {
        element.remove();
        throw error;
      }
    },
    drop: ({ views }) => views?.clear?.(),
  });
})();
