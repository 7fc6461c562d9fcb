import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState, type SubmitEvent } from "react";
import { api } from "@/api/client";
import type { PastValues, StartForm as Form, StartWish } from "@/api/schema";
import { Button } from "@/components/Button";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { Panel } from "@/components/Panel";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { formatExactTime } from "@/format/time";
import { visible } from "@/format/untrusted";
import { Field } from "./Field";
import { filledFrom, missing, NOTHING_FILLED, problemOf, wishOf, type Filled } from "./form";
import { HowItRuns } from "./HowItRuns";
import { messageOf, newRequestId, useOperation } from "./operation";
import { Note, Output, Problem } from "./parts";
import { startCommandQuery } from "./queries";
import styles from "./StartForm.module.css";

const TYPING_MILLISECONDS = 250;

/** The form of a flow, with the command that it stands for. */
export function StartForm({
  form,
  like,
  past,
}: {
  form: Form;
  like: string | undefined;
  past: PastValues | undefined;
}) {
  const [filled, setFilled] = useState<Filled>(() => ({
    ...NOTHING_FILLED,
    values: past === undefined ? {} : filledFrom(form, past.values),
  }));
  const [isTried, setTried] = useState(false);
  const [requestId, setRequestId] = useState(newRequestId);
  const root = useRef<HTMLFormElement>(null);
  const navigate = useNavigate();
  const doing = useOperation((operation) => {
    const started = operation.started;
    if (operation.state !== "done" || !started?.flow || !started.run_id) {
      setRequestId(newRequestId());
      return;
    }
    toast("done", operation.message);
    void navigate({ to: "/runs/$flow/$runId", params: { flow: started.flow, runId: started.run_id } });
  });
  const wish = useMemo(() => wishOf(form.file, filled), [form.file, filled]);
  const lacking = missing(form, filled);
  const isWrong = form.parameters.some((field) => problemOf(field, filled.values[field.name]) !== null);
  const change = (next: Filled) => {
    setFilled(next);
    if (doing.error !== null || doing.operation !== null) doing.reset();
    setRequestId(newRequestId());
  };
  const start = () => {
    setTried(true);
    if (isWrong) {
      requestAnimationFrame(() => root.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    if (!doing.isGoing)
      doing.ask(() => api.POST("/api/v1/actions/start", { body: { ...wish, request_id: requestId } }));
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    start();
  };
  return (
    <form ref={root} className={styles.form} noValidate onSubmit={submit}>
      <header className={styles.header}>
        <h1>
          Start <Untrusted text={form.flow} />
        </h1>
        <Link to="/start">All flows</Link>
        <Untrusted text={form.file} className={styles.code} />
        <SameAs form={form} like={like} />
      </header>
      {past !== undefined && past.unknown.length > 0 && (
        <Note>
          Not taken over, because their values are files, too large or no plain data:{" "}
          <Untrusted text={past.unknown.join(", ")} />
        </Note>
      )}
      <div className={styles.columns}>
        <div className={styles.fields}>
          <Panel title="Parameters">
            {form.parameters.length === 0 && <p className={styles.muted}>This flow has no parameters.</p>}
            <div className={styles.list}>
              {form.parameters.map((field) => (
                <Field
                  key={field.name}
                  field={field}
                  typed={filled.values[field.name]}
                  directory={form.directory}
                  showProblem={isTried}
                  onChange={(typed) => change({ ...filled, values: { ...filled.values, [field.name]: typed } })}
                />
              ))}
            </div>
          </Panel>
          <HowItRuns form={form} filled={filled} onChange={change} />
        </div>
        <Launch
          form={form}
          wish={wish}
          lacking={lacking}
          isGoing={doing.isGoing}
          problem={doing.error ?? (doing.operation?.state === "failed" ? doing.operation.message : null)}
          output={doing.operation?.state === "failed" ? (doing.operation.started?.output ?? "") : ""}
        />
      </div>
    </form>
  );
}

/** Takes the values of an earlier run. */
function SameAs({ form, like }: { form: Form; like: string | undefined }) {
  const navigate = useNavigate();
  const known = form.recent.some((run) => run.run_id === like);
  if (form.recent.length === 0 && like === undefined) return null;
  return (
    <label className={styles.same}>
      Same as
      <select
        className={styles.select}
        value={like ?? ""}
        onChange={(event) =>
          void navigate({
            to: ".",
            search: (before) => ({ ...before, file: form.file, like: event.target.value || undefined }),
          })
        }
      >
        <option value="">the defaults</option>
        {like !== undefined && !known && <option value={like}>{visible(like)}</option>}
        {form.recent.map((run, index) => (
          <option key={run.run_id} value={run.run_id}>
            {index === 0 ? "the last run, " : ""}
            {visible(run.run_id)} ({run.status}, {formatExactTime(run.started_at)})
          </option>
        ))}
      </select>
    </label>
  );
}

/** The command, and the button that starts it. */
function Launch({
  form,
  wish,
  lacking,
  isGoing,
  problem,
  output,
}: {
  form: Form;
  wish: StartWish;
  lacking: readonly string[];
  isGoing: boolean;
  problem: string | null;
  output: string;
}) {
  const settled = useSettled(wish, TYPING_MILLISECONDS);
  const command = useQuery({ ...startCommandQuery(settled), placeholderData: (before) => before });
  const line = command.data?.command ?? null;
  const problems = command.data?.problems.filter((each) => !lacking.includes(each.name)) ?? [];
  return (
    <aside className={styles.launch} aria-label="Start">
      <Panel title="Command">
        <div className={styles.list}>
          {line !== null ? (
            <div className={styles.command}>
              <code>
                <Untrusted text={line} />
              </code>
              <CopyButton text={line} label="Copy the command" />
            </div>
          ) : (
            <p className={styles.muted}>
              {lacking.length > 0 ? (
                <>
                  Still needed: <Untrusted text={lacking.join(", ")} />
                </>
              ) : (
                "Something is not right yet."
              )}
            </p>
          )}
          {problems.map((each) => (
            <Problem key={each.name + each.message} text={each.name ? `${each.name}: ${each.message}` : each.message} />
          ))}
          {command.isError && <Problem text={messageOf(command.error)} />}
          <p className={styles.small}>
            It runs on this machine, in <Untrusted text={form.directory} className={styles.code} />, and goes on when
            the app ends.
          </p>
          <Button kind="primary" type="submit" disabled={isGoing}>
            <Icon name={isGoing ? "waiting" : "play"} size={14} />
            {isGoing ? "Starting…" : "Start"}
          </Button>
          <p role="status" className={styles.small}>
            {isGoing ? "The flow is loaded and checked…" : ""}
          </p>
          {problem !== null && <Problem text={problem} />}
          {output !== "" && <Output label="What the command said" text={output} />}
        </div>
      </Panel>
    </aside>
  );
}

/** A value as it was when it last stood still for a moment. */
function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), milliseconds);
    return () => window.clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
