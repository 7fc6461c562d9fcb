import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { one, several, type Search } from "@/app/search";
import { phaseSet, stateSet, type Filter, type Sort } from "./rows";
import type { View } from "./scale";

/** How the timeline is shown, as the address holds it. */
export interface Options extends Filter {
  sort: Sort;
  /** Whether the axis tells the time of day. */
  clock: boolean;
  path: boolean;
  /** Steps that are not folded, or open, as they would be by themselves. */
  toggled: ReadonlySet<string>;
  /** What is shown; null for all of the run. */
  view: View | null;
}

/** Read the options of an address. */
export function readOptions(search: Search): Options {
  const from = Number(one(search, "tl_from"));
  const to = Number(one(search, "tl_to"));
  return {
    text: one(search, "tl_q") ?? "",
    hiddenStates: stateSet(several(search, "tl_without")),
    hiddenPhases: phaseSet(several(search, "tl_hide")),
    sort: one(search, "tl_sort") === "duration" ? "duration" : "start",
    clock: one(search, "tl_axis") === "clock",
    path: one(search, "tl_path") === "1",
    toggled: new Set(several(search, "tl_fold")),
    view: Number.isFinite(from) && Number.isFinite(to) && to > from ? { from, to } : null,
  };
}

/** The part of an address that holds some options; undefined takes a name away. */
export function writeOptions(options: Partial<Options>): Search {
  const search: Search = {};
  if (options.text !== undefined) search.tl_q = options.text === "" ? undefined : options.text;
  if (options.hiddenStates !== undefined) search.tl_without = [...options.hiddenStates];
  if (options.hiddenPhases !== undefined) search.tl_hide = [...options.hiddenPhases];
  if (options.sort !== undefined) search.tl_sort = options.sort === "start" ? undefined : options.sort;
  if (options.clock !== undefined) search.tl_axis = options.clock ? "clock" : undefined;
  if (options.path !== undefined) search.tl_path = options.path ? "1" : undefined;
  if (options.toggled !== undefined) search.tl_fold = [...options.toggled];
  if (options.view !== undefined) {
    search.tl_from = options.view === null ? undefined : String(Math.round(options.view.from));
    search.tl_to = options.view === null ? undefined : String(Math.round(options.view.to));
  }
  return search;
}

/** The set with a member more, or without it. */
export function withToggled<T extends string>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  const changed = new Set(set);
  if (!changed.delete(member)) changed.add(member);
  return changed;
}

/** The options, and what changes them; the address follows. */
export function useOptions(): [Options, (change: Partial<Options>) => void] {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const options = useMemo(() => readOptions(search), [search]);
  const change = useCallback(
    (changes: Partial<Options>) =>
      void navigate({
        to: ".",
        search: (before: Search) => ({ ...before, ...writeOptions(changes) }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return [options, change];
}
