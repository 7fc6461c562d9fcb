import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, body } from "@/api/client";
import type { ResumeFacts, ResumeWish } from "@/api/schema";
import { Button } from "@/components/Button";
import { CommandLine } from "@/components/CommandLine";
import { Dialog } from "@/components/Dialog";
import { ErrorState, Skeleton } from "@/components/States";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { messageOf, newRequestId, useOperation } from "./operation";
import { Note, Output, Problem } from "./parts";
import { resumeFactsQuery } from "./queries";
import type { RunReference } from "./RunActions";
import styles from "./Dialogs.module.css";

/** Resumes a run: what it finished is taken over, the rest runs. */
export function ResumeDialog({ run, onClose }: { run: RunReference; onClose: () => void }) {
  const facts = useQuery(resumeFactsQuery(run.flow, run.runId));
  if (facts.data !== undefined && facts.data.problem === null)
    return <ResumeForm facts={facts.data} onClose={onClose} />;
  return (
    <Dialog title="Resume this run" onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
      {facts.isPending && <Skeleton lines={4} />}
      {facts.isError && <ErrorState error={facts.error} onRetry={() => void facts.refetch()} />}
      {facts.data !== undefined && (
        <div className={styles.stack}>
          <Note>
            <Untrusted text={facts.data.problem ?? ""} />
          </Note>
          <CommandLine command={facts.data.command} />
        </div>
      )}
    </Dialog>
  );
}

function ResumeForm({ facts, onClose }: { facts: ResumeFacts; onClose: () => void }) {
  const [steps, setSteps] = useState<readonly string[] | null>(null);
  const [file, setFile] = useState(facts.files[0] ?? "");
  const [requestId, setRequestId] = useState(newRequestId);
  const navigate = useNavigate();
  const doing = useOperation((operation) => {
    const started = operation.started;
    if (operation.state !== "done" || !started?.flow || !started.run_id) {
      setRequestId(newRequestId());
      return;
    }
    toast("done", operation.message);
    onClose();
    void navigate({ to: "/runs/$flow/$runId", params: { flow: started.flow, runId: started.run_id } });
  });
  const wish: ResumeWish = {
    flow: facts.flow,
    run_id: facts.run_id,
    file,
    steps: [...(steps ?? [])],
    values: {},
    tags: [],
    decorators: [],
  };
  const command = useQuery({
    queryKey: ["run", facts.flow, facts.run_id, "resume-command", wish],
    queryFn: async ({ signal }) => body(await api.POST("/api/v1/actions/resume/command", { body: wish, signal })),
    retry: false,
    placeholderData: (before) => before,
  });
  const line = command.data?.command ?? null;
  const canResume = line !== null && !doing.isGoing && (steps === null || steps.length > 0);
  const resume = () =>
    doing.ask(() => api.POST("/api/v1/actions/resume", { body: { ...wish, request_id: requestId } }));
  return (
    <Dialog
      title="Resume this run"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{doing.isGoing ? "Go on in the background" : "Close"}</Button>
          <Button kind="primary" disabled={!canResume} onClick={resume}>
            {doing.isGoing ? "Resuming…" : "Resume"}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        <p>A new run takes over what this one has finished, and runs the rest with the flow as it is now.</p>
        <StepChoice facts={facts} steps={steps} onChange={setSteps} />
        {facts.files.length > 1 && (
          <div className={styles.field}>
            <label htmlFor="resume-file">File of the flow</label>
            <select
              id="resume-file"
              className={styles.input}
              value={file}
              onChange={(event) => setFile(event.target.value)}
            >
              {facts.files.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </div>
        )}
        {line !== null && <CommandLine command={line} />}
        {command.data?.problems.map((problem) => (
          <Problem key={problem.name} text={`${problem.name} ${problem.message}`.trim()} />
        ))}
        {command.isError && <Problem text={messageOf(command.error)} />}
        {doing.error !== null && <Problem text={doing.error} />}
        {doing.operation?.state === "failed" && (
          <>
            <Problem text={doing.operation.message} />
            {doing.operation.started?.output && (
              <Output label="What the command said" text={doing.operation.started.output} />
            )}
          </>
        )}
      </div>
    </Dialog>
  );
}

function StepChoice({
  facts,
  steps,
  onChange,
}: {
  facts: ResumeFacts;
  steps: readonly string[] | null;
  onChange: (steps: readonly string[] | null) => void;
}) {
  const failed = facts.failed_steps;
  return (
    <fieldset className={styles.choices}>
      <legend className={styles.legend}>Begin</legend>
      <label className={styles.choice}>
        <input type="radio" name="begin" checked={steps === null} onChange={() => onChange(null)} />
        <span>
          where it did not finish
          {failed.length > 0 && (
            <span className={styles.muted}>
              {" "}
              (<Untrusted text={failed.join(", ")} />)
            </span>
          )}
        </span>
      </label>
      <label className={styles.choice}>
        <input type="radio" name="begin" checked={steps !== null} onChange={() => onChange(failed.slice(0, 1))} />
        with steps of your choice, and all that comes after them
      </label>
      {steps !== null && (
        <div className={styles.steps} role="group" aria-label="Steps to run again">
          {facts.steps.map((step) => (
            <label key={step} className={styles.choice}>
              <input
                type="checkbox"
                checked={steps.includes(step)}
                onChange={(event) =>
                  onChange(event.target.checked ? [...steps, step] : steps.filter((each) => each !== step))
                }
              />
              <Untrusted text={step} />
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
