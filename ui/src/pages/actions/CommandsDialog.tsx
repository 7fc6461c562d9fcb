import { useQuery } from "@tanstack/react-query";
import type { ResumeFacts } from "@/api/schema";
import { Button } from "@/components/Button";
import { CommandLine } from "@/components/CommandLine";
import { Dialog } from "@/components/Dialog";
import { ErrorState, Skeleton } from "@/components/States";
import { shellCommand } from "./commands";
import { resumeFactsQuery } from "./queries";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

/** Commands that do with a run what the page does, or what the one who looks may not do here. */
export function CommandsDialog({ run, onClose }: { run: RunReference; onClose: () => void }) {
  const facts = useQuery(resumeFactsQuery(run.flow, run.runId));
  return (
    <Dialog title="Commands" onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
      {facts.data !== undefined ? (
        <div className={styles.stack}>
          {commandsFor(run, facts.data).map(([title, command]) => (
            <div key={title} className={styles.field}>
              <span className={styles.legend}>{title}</span>
              <CommandLine command={command} label={`Copy: ${title}`} />
            </div>
          ))}
        </div>
      ) : facts.isError ? (
        <ErrorState error={facts.error} onRetry={() => void facts.refetch()} />
      ) : (
        <Skeleton height="18rem" />
      )}
    </Dialog>
  );
}

function commandsFor(run: RunReference, facts: ResumeFacts): [title: string, command: string][] {
  const name = `${run.flow}/${run.runId}`;
  const script = facts.files[0] ?? facts.script ?? "FLOW.py";
  return [
    ["Show the run", shellCommand("metaflow", "runs", "show", name)],
    facts.status === "running"
      ? ["Cancel it", shellCommand("metaflow", "runs", "cancel", name)]
      : ["Resume it", facts.command],
    ["Add a tag", `${shellCommand("python", script, "tag", "add", "--run-id", run.runId)} TAG`],
    ["Pin it", shellCommand("python", script, "tag", "add", "--run-id", run.runId, "pinned")],
    ["Delete it; what would go is shown first", shellCommand("metaflow", "runs", "delete", name)],
  ];
}
