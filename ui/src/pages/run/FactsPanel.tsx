import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { RunCode, RunDetails } from "@/api/schema";
import type { Search } from "@/app/search";
import { useNow } from "@/app/clock";
import { CommandLine } from "@/components/CommandLine";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { KeyValue } from "@/components/KeyValue";
import { Panel } from "@/components/Panel";
import { StatusBadge } from "@/components/StatusBadge";
import { Tag } from "@/components/Tag";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, plural } from "@/format/numbers";
import { formatExactTime, formatRelativeTime } from "@/format/time";
import { safeLink } from "@/format/untrusted";
import styles from "./FactsPanel.module.css";

const SHORT_HASH = 10;
/** System tags that are told in words already. */
const TOLD = ["metaflow_version:", "python_version:", "user:", "project:", "project_branch:"];

type Entry = readonly [name: string, value: ReactNode];

/** How to repeat the run, and all other facts about it. */
export function FactsPanel({ flow, details }: { flow: string; details: RunDetails }) {
  return (
    <Panel title="Run">
      <div className={styles.facts}>
        {details.description !== "" && (
          <p className={styles.description}>
            <Untrusted text={details.description} />
          </p>
        )}
        <div>
          <h3 className={styles.label}>
            {details.command_is_recorded ? "Command" : "Command, as usual: its own was not recorded"}
          </h3>
          <CommandLine command={details.command} />
        </div>
        <KeyValue entries={entriesOf(flow, details)} />
      </div>
    </Panel>
  );
}

function entriesOf(flow: string, details: RunDetails): Entry[] {
  const { run, code } = details;
  const systemTags = run.system_tags.filter((tag) => !TOLD.some((prefix) => tag.startsWith(prefix)));
  const found: (Entry | null)[] = [
    ["Started", <Moment key="started" at={run.started_at} />],
    run.finished_at === null ? null : ["Ended", <Moment key="ended" at={run.finished_at} />],
    optional("Message", run.message),
    optional("Project", details.project),
    optional("Branch", details.branch),
    ...details.triggers.map((trigger): Entry => [
      "Started by",
      trigger.flow !== null && trigger.run_id !== null ? (
        <RunLink key={trigger.run_id} flow={trigger.flow} runId={trigger.run_id} withFlow />
      ) : (
        <Untrusted key={trigger.name} text={trigger.name} />
      ),
    ]),
    run.origin_run_id === null ? null : ["Resumes", <RunLink key="origin" flow={flow} runId={run.origin_run_id} />],
    details.resumed_by.length === 0
      ? null
      : [
          "Resumed by",
          <ul key="resumed">
            {details.resumed_by.map((other) => (
              <li key={other.run_id}>
                <StatusBadge status={other.status} compact /> <RunLink flow={flow} runId={other.run_id} />
              </li>
            ))}
          </ul>,
        ],
    optional("Directory", details.directory),
    optional("Machine", details.host),
    optional("Python", details.python_version),
    optional("Metaflow", details.metaflow_version),
    optional("Datastore", details.datastore),
    code === null ? null : ["Code", <Code key="code" code={code} />],
    code?.commit === null || code?.commit === undefined ? null : ["Commit", <Commit key="commit" code={code} />],
    systemTags.length === 0
      ? null
      : [
          "System tags",
          <span key="tags" className={styles.tags}>
            {systemTags.map((tag) => (
              <Tag key={tag} text={tag} isSystem />
            ))}
          </span>,
        ],
  ];
  return found.filter((entry) => entry !== null);
}

function optional(name: string, text: string | null | undefined): Entry | null {
  return text === null || text === undefined || text === "" ? null : [name, <Untrusted key={name} text={text} />];
}

function Moment({ at }: { at: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={formatRelativeTime(at, now)}>
      {formatExactTime(at).replace(/\.\d{3}/, "")}
    </time>
  );
}

function RunLink({ flow, runId, withFlow = false }: { flow: string; runId: string; withFlow?: boolean }) {
  return (
    <Link to="/runs/$flow/$runId" params={{ flow, runId }} search={{}}>
      <Untrusted text={withFlow ? `${flow}/${runId}` : runId} />
    </Link>
  );
}

function Code({ code }: { code: RunCode }) {
  return (
    <>
      <Link to="." search={(before: Search) => ({ ...before, view: "code", file: undefined, line: undefined })}>
        <Untrusted text={code.script} />
      </Link>{" "}
      <span className={styles.muted} title={code.hash}>
        {plural(code.files, "file")}, {formatBytes(code.size)}, {code.hash.slice(0, SHORT_HASH)}
      </span>
    </>
  );
}

function Commit({ code }: { code: RunCode }) {
  const commit = code.commit ?? "";
  const repository = code.repository_link === null ? undefined : safeLink(code.repository_link);
  const address = repository === undefined ? undefined : safeLink(`${repository}/commit/${encodeURIComponent(commit)}`);
  return (
    <span className={styles.commit}>
      {address === undefined ? (
        <code>{commit.slice(0, SHORT_HASH)}</code>
      ) : (
        <a href={address} rel="noreferrer" target="_blank">
          <code>{commit.slice(0, SHORT_HASH)}</code> <Icon name="external" size={12} />
          <span className="visually-hidden">(opens in a new window)</span>
        </a>
      )}
      <CopyButton text={commit} label="Copy the commit's hash" />
      {code.branch !== null && (
        <span className={styles.muted}>
          on <Untrusted text={code.branch} />
        </span>
      )}
      <Link
        to="."
        search={(before: Search) => ({ ...before, view: "code", against: "commit", file: undefined, line: undefined })}
      >
        what differs
      </Link>
    </span>
  );
}
