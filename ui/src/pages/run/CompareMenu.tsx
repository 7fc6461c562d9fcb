import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState } from "react";
import type { RunDetails } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Menu, type MenuItem } from "@/components/Menu";
import { usePageActions } from "@/components/pageActions";
import { useKeys, useShortcuts, type ShortcutGroup } from "@/components/shortcuts";
import { visible } from "@/format/untrusted";
import { compareSearch, NO_RUN_BEFORE, NO_SUCCESS, type RunKey } from "@/pages/compare/search";

const RunPicker = lazy(async () => ({ default: (await import("@/pages/compare/RunPicker")).RunPicker }));

const SHORTCUTS: ShortcutGroup = {
  title: "Compare",
  shortcuts: [{ keys: ["c"], does: "Compare the run with another one" }],
};

/** Compares a run with those that one most often wants to compare it with, or with others. */
export function CompareMenu({ flow, runId, details }: RunKey & { details: RunDetails }) {
  const [isPicking, setPicking] = useState(false);
  const navigate = useNavigate();
  const place = useRef<HTMLSpanElement>(null);
  const compare = (others: readonly RunKey[]) =>
    void navigate({ to: "/compare", search: compareSearch([...others, { flow, runId }]) });
  const withRun = (other: string | null) => () => {
    if (other !== null) compare([{ flow, runId: other }]);
  };
  const items: MenuItem[] = [
    {
      key: "success",
      icon: "done",
      label: "With the last success",
      disabled: details.last_success === null ? NO_SUCCESS : undefined,
      onSelect: withRun(details.last_success),
    },
    {
      key: "previous",
      icon: "left",
      label: "With the run before",
      disabled: details.previous === null ? NO_RUN_BEFORE : undefined,
      onSelect: withRun(details.previous),
    },
    { key: "choose", icon: "search", label: "With other runs…", onSelect: () => setPicking(true) },
  ];
  useShortcuts(SHORTCUTS);
  useKeys({ c: () => place.current?.querySelector("button")?.click() });
  usePageActions(
    items
      .filter((item) => item.disabled === undefined)
      .map((item) => ({ label: `Compare ${item.label.toLowerCase()}`, run: item.onSelect })),
  );
  return (
    <span ref={place}>
      <Menu label="Compare this run (c)" items={items}>
        Compare
        <Icon name="down" size={12} />
      </Menu>
      <Suspense fallback={null}>
        {isPicking && (
          <RunPicker
            title={`Compare ${visible(runId)} with`}
            verb="Compare with"
            chosen={[{ flow, runId }]}
            onPick={compare}
            onClose={() => setPicking(false)}
          />
        )}
      </Suspense>
    </span>
  );
}
