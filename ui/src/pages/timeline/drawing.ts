import type { Density } from "./density";
import { AXIS_HEIGHT, drawAxis, drawRows, type Scene } from "./draw";
import { endOf, phasesOf, presentOf, type Phase, type TimelineModel } from "./model";
import { drawOverview } from "./overview";
import { readPalette, type Palette } from "./palette";
import type { Layout, Row } from "./rows";
import { clamped, fitted, panned, revealing, zoomed, type View } from "./scale";
import { CanvasSurface } from "./surface";

/** What is to be drawn; the rest is known to the drawing itself. */
export interface Inputs {
  model: TimelineModel;
  layout: Layout;
  hiddenPhases: ReadonlySet<Phase>;
  pathRows: ReadonlySet<number>;
  path: Scene["path"];
  selected: number;
  active: number;
  clock: boolean;
  densityOf: (place: number) => Density | null;
  overall: Density;
}

export interface Canvases {
  axis: HTMLCanvasElement;
  plot: HTMLCanvasElement;
  overview: HTMLCanvasElement;
}

/** A view that stays as it is for so long is written to the address. */
const SETTLED_MILLISECONDS = 250;
/** Time between two drawings of a run that goes on. */
const GROWTH_MILLISECONDS = 250;

/** Draws the timeline whenever something changes, at most once a frame, and knows which part of time is shown. */
export class Drawing {
  private inputs: Inputs | null = null;
  private own: View | null = null;
  private span: [number, number] | null = null;
  private frame = 0;
  private settling = 0;
  private growth = 0;
  private onSettled: (view: View | null) => void = () => undefined;
  private palette: Palette | null = null;
  private lastEnd = { model: null as TimelineModel | null, end: 1 };
  private readonly watchers = new Set<() => void>();
  private readonly resizing: ResizeObserver;

  constructor(
    private readonly canvases: Canvases,
    private readonly scroller: HTMLElement,
  ) {
    this.resizing = new ResizeObserver(() => this.drawNow());
  }

  /** Draw from now on; gives what ends it. */
  open(): () => void {
    const { plot, axis, overview } = this.canvases;
    for (const element of [plot, axis, overview]) this.resizing.observe(element);
    this.growth = window.setInterval(() => {
      if (this.inputs?.model.isRunning === true && !document.hidden) this.schedule();
    }, GROWTH_MILLISECONDS);
    this.schedule();
    return () => {
      this.resizing.disconnect();
      window.clearInterval(this.growth);
      window.clearTimeout(this.settling);
      window.cancelAnimationFrame(this.frame);
      this.frame = 0;
    };
  }

  /** Tell of views that a person has come to, to have them in the address. */
  whenSettled(react: (view: View | null) => void): void {
    this.onSettled = react;
  }

  set(inputs: Inputs): void {
    this.inputs = inputs;
    this.schedule();
  }

  /** The theme has changed. */
  recolour(): void {
    this.palette = null;
    this.schedule();
  }

  get now(): number {
    return this.inputs === null ? 0 : presentOf(this.inputs.model, Date.now());
  }

  /** When all that is drawn ends. */
  get end(): number {
    const model = this.inputs?.model;
    if (model === undefined) return 1;
    if (model.isRunning) return endOf(model, this.now);
    if (this.lastEnd.model !== model) this.lastEnd = { model, end: endOf(model, 0) };
    return this.lastEnd.end;
  }

  get view(): View {
    return this.own === null ? fitted(this.end) : clamped(this.own, this.end);
  }

  get width(): number {
    return this.canvases.plot.clientWidth;
  }

  get isFitted(): boolean {
    return this.own === null;
  }

  /** Show a part of time, or (null) all of it. Without `settle` the address knows it already. */
  show(view: View | null, settle = true): void {
    this.own = view === null ? null : clamped(view, this.end);
    this.schedule();
    window.clearTimeout(this.settling);
    if (settle) this.settling = window.setTimeout(() => this.onSettled(this.own), SETTLED_MILLISECONDS);
  }

  zoom(factor: number, at?: number): void {
    const view = this.view;
    const next = zoomed(view, at ?? (view.from + view.to) / 2, factor, this.end);
    const all = fitted(this.end);
    this.show(next.to - next.from >= (all.to - all.from) * 0.999 ? null : next);
  }

  pan(share: number): void {
    if (this.own !== null) this.show(panned(this.view, share, this.end));
  }

  /** See that what a row shows is in the view. */
  reveal(row: Row): void {
    if (this.own === null || this.inputs === null || (row.kind !== "task" && row.kind !== "single")) return;
    const phases = phasesOf(this.inputs.model.columns, row.row, this.now);
    const next = revealing(this.view, phases.started, phases.end, this.end);
    if (next !== this.own) this.show(next);
  }

  /** Mark a span that is being chosen, in pixels. */
  choose(span: [number, number] | null): void {
    this.span = span;
    this.schedule();
  }

  /** Call `watcher` after each drawing. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  readonly schedule = (): void => {
    this.frame ||= window.requestAnimationFrame(() => this.drawNow());
  };

  /** What is shown at the moment, for pictures of it. */
  scene(): Scene | null {
    const { inputs } = this;
    if (inputs === null) return null;
    this.palette ??= readPalette(this.scroller);
    return {
      ...inputs,
      view: this.view,
      width: this.width,
      height: this.canvases.plot.clientHeight,
      now: this.now,
      palette: this.palette,
      scrollTop: this.scroller.scrollTop,
    };
  }

  private drawNow(): void {
    window.cancelAnimationFrame(this.frame);
    this.frame = 0;
    const scene = this.scene();
    if (scene === null || this.inputs === null || scene.width === 0) return;
    const { overall } = this.inputs;
    this.on(this.canvases.axis, scene.palette, (surface) => {
      drawAxis(surface, scene);
      if (this.span !== null) {
        const [from, to] = this.span;
        surface.frame(Math.min(from, to), 1, Math.abs(to - from), AXIS_HEIGHT - 2, scene.palette.accent, 1.5);
      }
    });
    this.on(this.canvases.plot, scene.palette, (surface) => {
      drawRows(surface, scene);
      if (this.span !== null) {
        const [from, to] = this.span;
        surface.frame(Math.min(from, to), 1, Math.abs(to - from), scene.height - 2, scene.palette.accent, 1.5, true);
      }
    });
    this.on(this.canvases.overview, scene.palette, (surface, width, height) => {
      drawOverview(surface, { ...scene, overall, all: fitted(this.end), width, height });
    });
    for (const watcher of this.watchers) watcher();
  }

  private on(
    canvas: HTMLCanvasElement,
    palette: Palette,
    draw: (surface: CanvasSurface, width: number, height: number) => void,
  ): void {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [pixelsWide, pixelsHigh] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== pixelsWide || canvas.height !== pixelsHigh) {
      canvas.width = pixelsWide;
      canvas.height = pixelsHigh;
    }
    const context = canvas.getContext("2d");
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(new CanvasSurface(context, palette.font), width, height);
  }
}
