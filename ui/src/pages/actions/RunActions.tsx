import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { appQuery, runQuery } from "@/api/queries";
import type { RunWithOutcome } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Menu, type MenuItem } from "@/components/Menu";
import { usePageActions, type PageAction } from "@/components/pageActions";
import { CancelDialog } from "./CancelDialog";
import { CommandsDialog } from "./CommandsDialog";
import { DeleteDialog } from "./DeleteDialog";
import { ResumeDialog } from "./ResumeDialog";
import { PIN, setPinned, tagsOf } from "./tagging";
import { TagDialog } from "./TagDialog";
import styles from "./RunActions.module.css";

export interface RunReference {
  flow: string;
  runId: string;
}

export interface RunActionsProps {
  /** The runs that are acted upon: one on a run's own page, several where they are selected in a list. */
  runs: readonly RunReference[];
  /** Called when something was done, for instance to clear a selection. */
  onDone?: () => void;
}

type RunStatus = RunWithOutcome["status"];
type Open = "tags" | "cancel" | "delete" | "resume" | "commands" | null;

/** What can be done with runs: tag, pin, cancel, resume, delete. Only commands to copy where the one who looks may not. */
export function RunActions({ runs, onDone }: RunActionsProps) {
  const app = useQuery(appQuery);
  const first = runs[0];
  if (first === undefined || app.data === undefined) return null;
  if (!app.data.can_act) return runs.length === 1 ? <Commands run={first} /> : null;
  return runs.length === 1 ? (
    <ActionsOfOne run={first} canStart={app.data.can_start} onDone={onDone} />
  ) : (
    <ActionsOfMany runs={runs} onDone={onDone} />
  );
}

function ActionsOfOne({
  run,
  canStart,
  onDone,
}: {
  run: RunReference;
  canStart: boolean;
  onDone: (() => void) | undefined;
}) {
  const [open, setOpen] = useState<Open>(null);
  const record = useQuery(runQuery(run.flow, run.runId)).data;
  const navigate = useNavigate();
  const status = statusOf(record);
  const isPinned = tagsOf(record).includes(PIN);
  const items: MenuItem[] = [
    {
      key: "pin",
      icon: "pin",
      label: isPinned ? "Unpin" : "Pin",
      onSelect: () => void setPinned([run], !isPinned),
    },
    ...(status === "running"
      ? []
      : [{ key: "resume", icon: "play" as const, label: "Resume…", onSelect: () => setOpen("resume") }]),
    ...(canStart
      ? [
          {
            key: "again",
            icon: "repeat" as const,
            label: "Run again with…",
            onSelect: () =>
              void navigate({ to: "/start/$flow", params: { flow: run.flow }, search: { like: run.runId } }),
          },
        ]
      : []),
    { key: "commands", icon: "copy", label: "Commands…", onSelect: () => setOpen("commands") },
    { key: "delete", icon: "trash", label: "Delete…", kind: "danger", onSelect: () => setOpen("delete") },
  ];
  usePageActions([
    ...(status === "running" ? [{ label: "Cancel…", note: "this run", run: () => setOpen("cancel") }] : []),
    ...itemActions("this run", items, setOpen),
  ]);
  return (
    <div className={styles.actions} role="group" aria-label="Actions on this run">
      <MainAction status={status} onOpen={setOpen} />
      <Button onClick={() => setOpen("tags")}>
        <Icon name="tag" size={14} />
        Tags
      </Button>
      <Menu label="More actions" items={items} />
      <Dialogs open={open} runs={[run]} onClose={() => setOpen(null)} onDone={onDone} />
    </div>
  );
}

/** The same for the palette. */
function itemActions(what: string, items: readonly MenuItem[], open: (open: Open) => void): PageAction[] {
  return [
    { label: "Tags…", note: what, run: () => open("tags") },
    ...items.map((item) => ({ label: item.label, note: what, run: item.onSelect })),
  ];
}

/** How a run is; undefined as long as that is not known. */
function statusOf(record: RunWithOutcome | undefined): RunStatus | undefined {
  // What has its default is left out of answers.
  return record === undefined ? undefined : (record.status ?? "running");
}

/** What is most likely wanted of a run in its state. */
function MainAction({ status, onOpen }: { status: RunStatus | undefined; onOpen: (open: Open) => void }) {
  if (status === "running")
    return (
      <Button kind="danger" onClick={() => onOpen("cancel")}>
        <Icon name="stopped" size={14} />
        Cancel
      </Button>
    );
  if (status === "failed" || status === "stopped")
    return (
      <Button kind="primary" onClick={() => onOpen("resume")}>
        <Icon name="play" size={14} />
        Resume
      </Button>
    );
  return null;
}

function ActionsOfMany({ runs, onDone }: { runs: readonly RunReference[]; onDone: (() => void) | undefined }) {
  const [open, setOpen] = useState<Open>(null);
  const items: MenuItem[] = [
    { key: "pin", icon: "pin", label: "Pin", onSelect: () => void setPinned(runs, true) },
    { key: "unpin", icon: "close", label: "Unpin", onSelect: () => void setPinned(runs, false) },
    { key: "cancel", icon: "stopped", label: "Cancel…", kind: "danger", onSelect: () => setOpen("cancel") },
    { key: "delete", icon: "trash", label: "Delete…", kind: "danger", onSelect: () => setOpen("delete") },
  ];
  usePageActions(itemActions(`${runs.length} runs`, items, setOpen));
  return (
    <div className={styles.actions} role="group" aria-label={`Actions on ${runs.length} runs`}>
      <Button onClick={() => setOpen("tags")}>
        <Icon name="tag" size={14} />
        Tags
      </Button>
      <Menu label="More actions" items={items} />
      <Dialogs open={open} runs={runs} onClose={() => setOpen(null)} onDone={onDone} />
    </div>
  );
}

function Commands({ run }: { run: RunReference }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Icon name="copy" size={14} />
        Commands
      </Button>
      {isOpen && <CommandsDialog run={run} onClose={() => setOpen(false)} />}
    </>
  );
}

function Dialogs({
  open,
  runs,
  onClose,
  onDone,
}: {
  open: Open;
  runs: readonly RunReference[];
  onClose: () => void;
  onDone: (() => void) | undefined;
}) {
  const shown: { flow?: string; runId?: string } = useParams({ strict: false });
  const navigate = useNavigate();
  const first = runs[0];
  if (open === null || first === undefined) return null;
  const deleted = () => {
    onDone?.();
    // The page of a run that is gone has nothing to show.
    const isShown = runs.some((run) => run.flow === shown.flow && run.runId === shown.runId);
    if (isShown) void navigate({ to: "/" });
  };
  if (open === "tags") return <TagDialog runs={runs} onClose={onClose} onDone={onDone} />;
  if (open === "cancel") return <CancelDialog runs={runs} onClose={onClose} onDone={onDone} />;
  if (open === "delete") return <DeleteDialog runs={runs} onClose={onClose} onDone={deleted} />;
  if (open === "resume") return <ResumeDialog run={first} onClose={onClose} />;
  return <CommandsDialog run={first} onClose={onClose} />;
}
