import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { CriticalPath } from "@/api/schema";
import type { Selection } from "@/app/selection";
import { densityOf, type Density } from "./density";
import type { Inputs } from "./drawing";
import type { TimelineModel } from "./model";
import { placesOfPath, rowsOfPath } from "./path";
import { criticalPathQuery } from "./queries";
import { layoutOf, placeOf, placeOfName, type Layout, type RowName } from "./rows";
import type { Options } from "./search";

export interface SceneFacts {
  layout: Layout;
  selected: number;
  active: number;
  inputs: Inputs;
  path: CriticalPath | undefined;
  pathError: Error | null;
}

/** What is drawn of a run, worked out from what is known of it and from what a person wants to see. */
export function useScene(
  flow: string,
  runId: string,
  model: TimelineModel,
  options: Options,
  selection: Selection | null,
  activeRow: RowName | null,
): SceneFacts {
  const { data, error } = useQuery(criticalPathQuery(flow, runId, options.path, model.isRunning));
  const path = options.path ? data : undefined;
  const ofPath = useMemo(() => rowsOfPath(model, path), [model, path]);
  const pathRows = useMemo(() => new Set(ofPath), [ofPath]);
  const { text, hiddenStates, hiddenPhases, sort, toggled, clock } = options;
  const layout = useMemo(
    () => layoutOf(model, { text, hiddenStates, hiddenPhases }, sort, toggled, pathRows),
    [model, text, hiddenStates, hiddenPhases, sort, toggled, pathRows],
  );
  const places = useMemo(() => placesOfPath(model, layout, ofPath), [model, layout, ofPath]);
  const densities = useMemo(() => densitiesOf(model, layout), [model, layout]);
  const overall = useMemo(() => densityOf(model, joined(model.tasks)), [model]);
  const selected = useMemo(
    () => (selection === null ? -1 : placeOf(layout, model, selection.step, selection.taskId)),
    [layout, model, selection],
  );
  const active = useMemo(() => placeOfName(layout, model, activeRow), [layout, model, activeRow]);
  const inputs = useMemo(
    () => ({
      model,
      layout,
      hiddenPhases,
      pathRows,
      path: places,
      selected,
      active,
      clock,
      densityOf: densities,
      overall,
    }),
    [model, layout, hiddenPhases, pathRows, places, selected, active, clock, densities, overall],
  );
  return { layout, selected, active, inputs, path, pathError: options.path ? error : null };
}

/** Densities of steps that are drawn so, made when they are first drawn. */
function densitiesOf(model: TimelineModel, layout: Layout): (place: number) => Density | null {
  const made = new Map<number, Density>();
  return (place) => {
    const row = layout.rows[place];
    if (row?.kind !== "group") return null;
    let density = made.get(place);
    if (density === undefined) {
      density = densityOf(model, row.tasks);
      made.set(place, density);
    }
    return density;
  };
}

function joined(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((length, list) => length + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
