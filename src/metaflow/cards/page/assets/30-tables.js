/* Tables: pages, sorting, search, copies. Whatever comes from a flow gets into the page as text only. */
(() => {
  const make = (tag, attributes = {}, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) { element.setAttribute(name, value); }
    element.append(...content);
    return element;
  };

  // The same as number_text in Python.
  const numberText = (number, isFloat) => {
    if (!isFloat && Number.isInteger(number)) { return String(number); }
    const size = Math.abs(number);
    if (size && (size < 1e-4 || size >= 1e15)) { return number.toExponential(5).replace(/\.?0*e/, "e"); }
    const decimals = size ? Math.max(1, 5 - Math.floor(Math.log10(size))) : 1;
    return number.toFixed(decimals).replace(/0+$/, "").replace(/\.$/, ".0");
  };
  const aligned = (shown, kind) => {
    const [, decimals] = shown.split(".");
    return kind.startsWith("float") && decimals && !shown.includes("e") ? shown + "0".repeat(Math.max(0, Number(kind.slice(5)) - decimals.length)) : shown;
  };
  const cellText = (value) => value === null || value === undefined ? "" : value === true ? "True" : value === false ? "False" : String(value);

  const fillCell = (cell, value, kind) => {
    if (kind !== "text") { cell.className = "mf-number"; }
    if (value === null) { cell.className = "mf-none"; cell.textContent = "None"; return; }
    let shown = typeof value === "number" ? aligned(numberText(value, kind.startsWith("float")), kind) : cellText(value);
    if (typeof value === "number" && Number(shown) !== value) { cell.title = String(value); }
    shown = shown.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
    if (shown.length > 2000) { shown = `${shown.slice(0, 2000)}… (${value.length.toLocaleString("en")} characters)`; }
    cell.textContent = shown;
  };

  // Numbers before texts; what is missing comes last in either order.
  const compare = (a, b, isNumber) => {
    if (isNumber || (typeof a === "number" && typeof b === "number")) {
      const x = Number(a), y = Number(b);
      if (!Number.isNaN(x) && !Number.isNaN(y)) { return x < y ? -1 : x > y ? 1 : 0; }
    }
    const x = cellText(a), y = cellText(b);
    return x < y ? -1 : x > y ? 1 : 0;
  };
  const isMissing = (value) => value === null || value === undefined || value === "" || value === "NaN" || value === "NaT";

  const sorted = (rows, at, direction, isNumber) => {
    const there = [], missing = [];
    for (const row of rows) { (isMissing(row[at]) ? missing : there).push(row); }
    const sign = direction === "descending" ? -1 : 1;
    there.sort((a, b) => sign * compare(a[at], b[at], isNumber));
    return there.concat(missing);
  };

  // A spreadsheet would take some texts for formulas, which can do harm: those get an apostrophe, as is the custom.
  const harmless = (value) => {
    const text = cellText(value);
    return typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+(e[+-]?\d+)?$|^-Infinity$/i.test(text) ? `'${text}` : text;
  };
  const csvField = (value) => {
    const text = harmless(value);
    return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = (table, rows, field, separator) =>
    (table.columns.length ? [table.columns, ...rows] : rows)
      .map((row) => Array.from({ length: table.width }, (_, at) => field(row[at])).join(separator));

  const save = (content, name) => {
    // Only with this mark do some spreadsheets read what is not ASCII.
    const mark = /[^\u0000-\u007f]/.test(content) ? "\ufeff" : "";
    const address = URL.createObjectURL(new Blob([mark, content], { type: "text/csv;charset=utf-8" }));
    const link = make("a", { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
  class PagedTable {
    constructor(figure, source, state) {
      this.figure = figure;
      this.source = source;
      this.body = figure.querySelector("tbody");
      this.headers = [...figure.querySelectorAll("thead th")];
      this.state = { column: -1, direction: "none", filter: "", page: 0, ...state };
      this.total = Number(figure.dataset.rows);
      this.pageSize = Math.max(1, this.body.rows.length);
      this.isLong = this.total > this.pageSize;
      this.addSorting();
      if (this.isLong || this.pageSize > 10) { this.addTools(); }
      const { column, filter, page } = this.state;
      if (column >= this.headers.length) { this.state.column = -1; }
      if (column >= 0 || filter || page) { this.show(); } else { this.showRange(0, this.pageSize, this.total); }
    }

    // What the reader has done to it, for the table that takes its place when it is updated.
    stateNow() {
      return { ...this.state, filter: this.filter?.value ?? "" };
    }

    // Read when first needed, as a page opens sooner without.
    get table() {
      if (!this.read) { this.read = JSON.parse(this.source.textContent); }
      return this.read;
    }

    addSorting() {
      this.headers.forEach((header, at) => {
        const button = make("button", { type: "button", class: "mf-sort" });
        button.append(...header.childNodes);
        if (!button.textContent.trim()) { button.setAttribute("aria-label", `Sort by column ${at + 1}`); }
        header.append(button);
        button.addEventListener("click", () => {
          const next = { none: "ascending", ascending: "descending", descending: "none" };
          const direction = this.state.column === at ? next[this.state.direction] : "ascending";
          Object.assign(this.state, { column: direction === "none" ? -1 : at, direction, page: 0 });
          this.show();
        });
      });
    }

    addTools() {
      this.filter = make("input", { type: "search", class: "mf-field", placeholder: "Search rows", "aria-label": "Search rows", autocomplete: "off" });
      this.filter.value = this.state.filter;
      let timer = 0;
      this.filter.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => { Object.assign(this.state, { filter: this.filter.value, page: 0 }); this.show(); }, 150);
      });
      const button = (label, action) => {
        const made = make("button", { type: "button", class: "mf-button" }, label);
        made.addEventListener("click", action);
        return made;
      };
      const oneLine = (value) => harmless(value).replace(/[\t\r\n]+/g, " ");
      const copying = metaflowCard.copyButton(() => lines(this.table, this.rows(), oneLine, "\t").join("\n"));
      const saving = button("Save as CSV", () => {
        const name = (this.figure.querySelector("caption:not(.mf-visually-hidden)")?.textContent ?? "").replace(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 60);
        save(`${lines(this.table, this.rows(), csvField, ",").join("\r\n")}\r\n`, `${name.replace(/^-|-$/g, "") || "table"}.csv`);
      });
      this.status = make("span", { role: "status", class: "mf-visually-hidden" });
      this.figure.prepend(make("div", { class: "mf-toolbar mf-table-tools" }, this.filter, make("span", {}, copying, saving, this.status)));
      if (!this.isLong) { return; }
      const turn = (page) => { this.state.page = page; this.show(); this.figure.querySelector(".mf-table-frame").scrollTop = 0; };
      this.previous = button("Previous", () => turn(this.state.page - 1));
      this.next = button("Next", () => turn(this.state.page + 1));
      this.number = make("input", { type: "number", min: "1", class: "mf-field mf-table-page", "aria-label": "Page" });
      this.number.addEventListener("change", () => turn(Math.round(Number(this.number.value) || 1) - 1));
      this.pages = make("span");
      this.pager = make("div", { class: "mf-toolbar mf-table-pager", role: "group", "aria-label": "Pages of the table" },
        this.previous, make("span", {}, "Page ", this.number, " of ", this.pages), this.next);
      this.figure.querySelector(".mf-table-foot").append(this.pager);
    }

    /* All rows, in the order and the selection that the reader asked for. */
    rows() {
      const { column, direction, filter } = this.state;
      let rows = this.table.rows;
      const words = filter.toLowerCase().trim();
      if (words) {
        this.texts ??= rows.map((row) => row.map(cellText).join("\u0000").toLowerCase());
        rows = rows.filter((_, at) => this.texts[at].includes(words));
      }
      return column < 0 ? rows : sorted(rows, column, direction, this.table.kinds[column] !== "text");
    }

    show() {
      const { state, table } = this;
      const asked = `${state.column} ${state.direction} ${state.filter}`;
      if (this.asked !== asked) { this.found = this.rows(); this.asked = asked; }
      this.headers.forEach((header, at) => {
        if (at === state.column) { header.setAttribute("aria-sort", state.direction); } else { header.removeAttribute("aria-sort"); }
      });
      const last = Math.max(0, Math.ceil(this.found.length / this.pageSize) - 1);
      state.page = Math.min(Math.max(0, state.page), last);
      const first = state.page * this.pageSize;
      const shown = this.found.slice(first, first + this.pageSize);
      this.body.replaceChildren(...shown.map((row) => {
        const line = document.createElement("tr");
        for (let at = 0; at < table.width; at += 1) {
          const cell = line.insertCell();
          if (at < row.length) { fillCell(cell, row[at], table.kinds[at]); }
        }
        return line;
      }));
      if (!shown.length) {
        this.body.append(make("tr", {}, make("td", { class: "mf-empty", colspan: table.width }, "No rows with that text")));
      }
      this.showRange(first, shown.length, this.found.length);
    }

    showRange(first, count, found) {
      const written = (number) => number.toLocaleString("en");
      const isSearched = Boolean(this.state.filter.trim());
      if (this.status && this.read) { this.status.textContent = `${written(found)} rows${isSearched ? " found" : ""}`; }
      if (!this.pager) { return; }
      const range = `Rows ${written(first + 1)}–${written(first + count)} of ${written(found)}${isSearched ? " found" : ""}`;
      this.figure.querySelector(".mf-table-range").textContent = found ? range : "No rows found";
      const pages = Math.max(1, Math.ceil(found / this.pageSize));
      this.pages.textContent = written(pages);
      this.number.value = this.state.page + 1;
      this.number.max = pages;
      this.previous.disabled = this.state.page <= 0;
      this.next.disabled = this.state.page >= pages - 1;
    }
  }

  // Only what scrolls is a stop for the keyboard.
  const watched = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      if (scrolls) { target.tabIndex = 0; } else { target.removeAttribute("tabindex"); }
    }
  });
  metaflowCard.upgrade(".mf-table-frame", (frame) => watched.observe(frame));
  metaflowCard.upgrade(".mf-table", (figure, state) => {
    const source = figure.querySelector(":scope > .mf-table-data");
    if (!source) { return undefined; }
    const table = new PagedTable(figure, source, state);
    return () => table.stateNow();
  });
})();
