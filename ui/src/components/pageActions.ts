import { useEffect, useRef } from "react";

/** Something that can be done on the page that is shown; the palette offers it. */
export interface PageAction {
  label: string;
  /** What is said beside it, such as its key. */
  note?: string;
  run: () => void;
}

interface Holder {
  actions: readonly PageAction[];
}

const holders = new Set<Holder>();

/** Have the palette offer what a component can do, as long as the component is shown. */
export function usePageActions(actions: readonly PageAction[]): void {
  const holder = useRef<Holder>({ actions });
  useEffect(() => {
    holder.current.actions = actions;
  });
  useEffect(() => {
    const mine = holder.current;
    holders.add(mine);
    return () => void holders.delete(mine);
  }, []);
}

/** What can be done at the moment; what was shown first comes first. */
export function pageActions(): PageAction[] {
  return [...holders].flatMap((holder) => holder.actions);
}
