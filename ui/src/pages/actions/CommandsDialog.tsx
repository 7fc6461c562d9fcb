import { useQuery } from "@tanstack/react-query";
import { Button } from "@/components/Button";
import { CommandLine } from "@/components/CommandLine";
import { Dialog } from "@/components/Dialog";
import { shellCommand } from "./commands";
import { resumeFactsQuery } from "./queries";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

/** Commands that do with a run what the page does, or what the one who looks may not do here. */
export function CommandsDialog({ run, onClose }: { run: RunReference; onClose: () => void }) {
  const facts = useQuery(resumeFactsQuery(run.flow, run.runId)).data;
  const name = `${run.flow}/${run.runId}`;
  const script = facts?.files[0] ?? facts?.script ?? "FLOW.py";
  const commands: [string, string][] = [
    ["Show the run", shellCommand("metaflow", "runs", "show", name)],
    ...(facts?.status === "running"
      ? [["Cancel it", shellCommand("metaflow", "runs", "cancel", name)] as [string, string]]
      : [
          ["Resume it", facts?.command ?? shellCommand("python", script, "resume", `--origin-run-id=${run.runId}`)] as [
            string,
            string,
          ],
        ]),
    ["Add a tag", `${shellCommand("python", script, "tag", "add", "--run-id", run.runId)} TAG`],
    ["Pin it", shellCommand("python", script, "tag", "add", "--run-id", run.runId, "pinned")],
    ["Delete it; what would go is shown first", shellCommand("metaflow", "runs", "delete", name)],
  ];
  return (
    <Dialog title="Commands" onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
      <div className={styles.stack}>
        {commands.map(([title, command]) => (
          <div key={title} className={styles.field}>
            <span className={styles.legend}>{title}</span>
            <CommandLine command={command} label={`Copy: ${title}`} />
          </div>
        ))}
      </div>
    </Dialog>
  );
}
