import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { TaskResources } from "@/api/schema";
import { CommandLine } from "@/components/CommandLine";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatDuration } from "@/format/duration";
import { formatBytes, formatNumber, MEGABYTE } from "@/format/numbers";
import { LineChart } from "./LineChart";
import styles from "./ResourcesTab.module.css";
import type { TaskAddress } from "./address";
import { resourcesQuery } from "./queries";
import { chartsOf, requestLine, suggestionWords } from "./resources";
import { ResourceFigures } from "./ResourceFigures";

interface ResourcesTabProps {
  task: TaskAddress;
  attempt: number;
  isRunning: boolean;
}

/** What an attempt used of its machine over time, beside what its step asks for. */
export function ResourcesTab({ task, attempt, isRunning }: ResourcesTabProps) {
  const query = useQuery(resourcesQuery(task, attempt, isRunning));
  if (query.isError && query.data === undefined) {
    return <ErrorState title="What it used cannot be shown" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) return <Skeleton height="18rem" />;
  const resources = query.data;
  const { points, totals } = resources;
  if (points.length === 0 && totals.cpu_seconds === null && totals.peak_memory === null) {
    return <NothingKnown isRunning={isRunning} />;
  }
  return (
    <div className={styles.tab}>
      <Totals resources={resources} />
      <Suggestions resources={resources} />
      {points.length > 1 ? (
        <div className={styles.charts}>
          {chartsOf(resources).map((chart) => (
            <LineChart key={chart.title} {...chart} />
          ))}
        </div>
      ) : (
        <p className={styles.note}>
          {isRunning
            ? "Curves appear when the task has run for a few seconds."
            : "It was over too soon for curves: tasks are looked at once a second."}
        </p>
      )}
      {points.length > 1 && <ResourceFigures points={points} />}
      <p className={styles.note}>
        Looked at from outside, about once a second; in long tasks neighbouring points are joined. Memory is what the
        task&apos;s processes have resident, with what they share counted for each.
      </p>
    </div>
  );
}

function Totals({ resources }: { resources: TaskResources }) {
  const { totals, asked, machine } = resources;
  const memory = asked.memory === undefined ? machine.memory : asked.memory * MEGABYTE;
  return (
    <dl className={styles.totals}>
      <Total name="CPU time" value={totals.cpu_seconds} format={formatDuration}>
        {totals.cpu_average !== null && (
          <>
            {formatNumber(totals.cpu_average, 2)} cores on average
            {asked.cpu !== undefined && `, ${formatNumber(asked.cpu)} asked for`}
          </>
        )}
      </Total>
      <Total name="Most memory" value={totals.peak_memory} format={formatBytes}>
        {memory !== null && (
          <>
            {Math.round(((totals.peak_memory ?? 0) / memory) * 100)} % of {formatBytes(memory)}{" "}
            {asked.memory === undefined ? "of the machine" : "asked for"}
          </>
        )}
      </Total>
      <Total name="GPU memory" value={totals.peak_gpu_memory} format={formatBytes}>
        {totals.gpu_average !== null && <>{formatNumber(totals.gpu_average, 2)} GPUs busy on average</>}
      </Total>
      <Total name="Read from disk" value={totals.read_bytes} format={formatBytes} />
      <Total name="Written to disk" value={totals.write_bytes} format={formatBytes} />
      {machine.host !== null && (
        <div className={styles.total}>
          <dt>Machine</dt>
          <dd className={styles.amount}>
            <Untrusted text={machine.host} />
          </dd>
          <dd className={styles.note}>
            {machine.cores !== null && `${machine.cores} cores`}
            {machine.memory !== null && `, ${formatBytes(machine.memory)}`}
          </dd>
        </div>
      )}
    </dl>
  );
}

interface TotalProps {
  name: string;
  value: number | null;
  format: (value: number) => string;
  children?: ReactNode;
}

function Total({ name, value, format, children }: TotalProps) {
  if (value === null) return null;
  return (
    <div className={styles.total}>
      <dt>{name}</dt>
      <dd className={styles.amount}>{format(value)}</dd>
      <dd className={styles.note}>{children}</dd>
    </div>
  );
}

function Suggestions({ resources }: { resources: TaskResources }) {
  if (resources.suggestions.length === 0) return null;
  return (
    <section className={styles.suggestions} aria-labelledby="suggestions">
      <h2 id="suggestions">
        <Icon name="info" /> What to ask for, judging by this attempt
      </h2>
      <ul>
        {resources.suggestions.map((each) => (
          <li key={each.kind}>{suggestionWords(each)}</li>
        ))}
      </ul>
      <CommandLine command={requestLine(resources.suggestions, resources.asked)} label="Copy the decorator" />
    </section>
  );
}

function NothingKnown({ isRunning }: { isRunning: boolean }) {
  return (
    <EmptyState title={isRunning ? "Nothing has been seen yet" : "Nobody looked"}>
      {isRunning
        ? "Tasks are looked at once a second, from their first second on."
        : "The attempt was over before it could be looked at, was killed with its run, or ran where what processes use is not told."}
    </EmptyState>
  );
}
