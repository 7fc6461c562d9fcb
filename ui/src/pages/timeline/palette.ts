import type { Phase, State } from "./model";

/** Colours of the page's theme, as canvases need them. */
export interface Palette {
  ink: string;
  muted: string;
  grid: string;
  strong: string;
  surface: string;
  sunken: string;
  selected: string;
  hover: string;
  accent: string;
  failed: string;
  states: Record<State, string>;
  phases: Record<Exclude<Phase, "code">, string>;
  font: string;
}

/** Read the colours from the styles that hold for an element; they depend on the theme. */
export function readPalette(element: HTMLElement): Palette {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const colour = (token: string) => {
    // What a variable holds may be light-dark(); as a colour of an element it is worked out.
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const palette: Palette = {
    ink: colour("--ink"),
    muted: colour("--ink-muted"),
    grid: colour("--border"),
    strong: colour("--border-strong"),
    surface: colour("--surface"),
    sunken: colour("--sunken"),
    selected: colour("--selected"),
    hover: colour("--hover"),
    accent: colour("--accent"),
    failed: colour("--failed"),
    states: {
      running: colour("--running"),
      done: colour("--done"),
      failed: colour("--failed"),
      killed: colour("--stopped"),
      cloned: colour("--waiting"),
      caught: colour("--warning"),
    },
    phases: { waiting: colour("--waiting"), startup: colour("--series-5"), saving: colour("--series-4") },
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return palette;
}
