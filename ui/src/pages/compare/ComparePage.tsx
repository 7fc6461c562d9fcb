import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import type { Comparison } from "@/api/schema";
import { useTitle } from "@/app/title";
import { Button } from "@/components/Button";
import { fetchedPart } from "@/components/fetchedPart";
import { Icon } from "@/components/Icon";
import { save } from "@/components/picture";
import { SearchField } from "@/components/SearchField";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { csv } from "@/format/csv";
import { plural } from "@/format/numbers";
import { CodeDialog, ValueDialog } from "./DifferenceDialogs";
import styles from "./ComparePage.module.css";
import { CompareTable } from "./CompareTable";
import { linesOf, order, type Line } from "./differences";
import { comparisonQuery, holdsValues, type ValueSection } from "./queries";
import { RunPicker } from "./RunPicker";
import { MOST_RUNS, readView, writeView, type CompareView, type RunKey } from "./search";
import { tableRows } from "./tableFile";

const Charts = fetchedPart(async () => (await import("./Charts")).default);

/** Runs side by side. */
export function ComparePage() {
  useTitle("Compare");
  const search = useSearch({ strict: false });
  const view = useMemo(() => readView(search), [search]);
  const navigate = useNavigate();
  const change = useCallback(
    (changed: Partial<CompareView>, replace = false) =>
      void navigate({ to: "/compare", search: (before) => writeView({ ...readView(before), ...changed }), replace }),
    [navigate],
  );
  const comparison = useQuery({ ...comparisonQuery(view.runs), placeholderData: (before) => before });
  const [isPicking, setPicking] = useState(false);
  const pick = (runs: RunKey[]) => {
    setPicking(false);
    change({ runs: [...view.runs, ...runs].slice(0, MOST_RUNS) });
  };
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <h1>Compare runs</h1>
        <Button onClick={() => setPicking(true)} disabled={view.runs.length >= MOST_RUNS}>
          <Icon name="plus" size={14} /> Add runs
        </Button>
        {comparison.data !== undefined && view.runs.length > 0 && (
          <Tools view={view} comparison={comparison.data} onChange={change} />
        )}
      </header>
      {view.runs.length === 0 ? (
        <EmptyState icon="info" title="Which runs?">
          <p>Choose two to fifty runs, of one flow or of several, here or in the list of runs.</p>
          <Button kind="primary" onClick={() => setPicking(true)}>
            Choose runs
          </Button>
        </EmptyState>
      ) : comparison.data === undefined ? (
        comparison.isError ? (
          <ErrorState
            error={comparison.error}
            title="The runs cannot be compared"
            onRetry={() => void comparison.refetch()}
          />
        ) : (
          <Skeleton height="min(40rem, 70vh)" />
        )
      ) : (
        <Compared view={view} comparison={comparison.data} onChange={change} />
      )}
      {isPicking && (
        <RunPicker title="Add runs" verb="Add" chosen={view.runs} onPick={pick} onClose={() => setPicking(false)} />
      )}
    </div>
  );
}

interface ComparedProps {
  view: CompareView;
  comparison: Comparison;
  onChange: (change: Partial<CompareView>, replace?: boolean) => void;
}

/** What is looked at more closely. */
type Closer =
  | { kind: "code"; before: RunKey; after: RunKey }
  | { kind: "value"; before: RunKey; after: RunKey; section: ValueSection; name: string };

function Compared({ view, comparison, onChange }: ComparedProps) {
  const [closer, setCloser] = useState<Closer | null>(null);
  const lines = useMemo(() => linesOf(comparison.sections, view), [comparison, view]);
  const columns = useMemo(() => order(view.runs, view.baseline, comparison), [comparison, view]);
  const close = () => setCloser(null);
  return (
    <>
      <Problems comparison={comparison} />
      {view.chart !== null && <Charts view={view} comparison={comparison} columns={columns} onChange={onChange} />}
      <CompareTable
        view={view}
        comparison={comparison}
        columns={columns}
        lines={lines}
        onChange={onChange}
        onCloser={(line, run) => setCloser(closerLook(line, view.baseline, run))}
      />
      {lines.length === 0 && <NothingShown view={view} onChange={onChange} />}
      {closer?.kind === "code" && <CodeDialog before={closer.before} after={closer.after} onClose={close} />}
      {closer?.kind === "value" && <ValueDialog {...closer} onClose={close} />}
    </>
  );
}

/** What can be looked at more closely of a row: the code, or a value that is longer than its cell. */
function closerLook(line: Line, baseline: RunKey | null, run: RunKey): Closer | null {
  if (line.kind !== "row" || baseline === null) return null;
  const section = line.section.name;
  if (section === "code") return { kind: "code", before: baseline, after: run };
  if (!holdsValues(section)) return null;
  return { kind: "value", before: baseline, after: run, section, name: line.row.name };
}

function Tools({ view, comparison, onChange }: ComparedProps) {
  const takeTable = () => {
    const columns = order(view.runs, view.baseline, comparison);
    const rows = tableRows(comparison, columns, linesOf(comparison.sections, { ...view, folded: [] }));
    save("metaflow-compare.csv", new Blob([csv(rows)], { type: "text/csv" }));
  };
  return (
    <div className={styles.tools}>
      <label className={styles.check}>
        <input
          type="checkbox"
          checked={!view.showAll}
          onChange={(event) => onChange({ showAll: !event.target.checked })}
        />
        Only differences
      </label>
      <SearchField label="Filter rows" value={view.filter} onChange={(filter) => onChange({ filter }, true)} />
      <Button
        aria-pressed={view.chart !== null}
        onClick={() => onChange({ chart: view.chart === null ? "bars" : null })}
      >
        Charts
      </Button>
      <Button onClick={takeTable}>
        <Icon name="download" size={14} /> CSV
      </Button>
    </div>
  );
}

function Problems({ comparison }: { comparison: Comparison }) {
  const problems = comparison.runs.flatMap((run) => run.problems);
  const left = comparison.sections.filter((section) => section.left_out > 0);
  if (problems.length + left.length === 0) return null;
  return (
    <ul className={styles.problems} role="status">
      {problems.map((problem) => (
        <li key={problem}>
          <Untrusted text={problem} />
        </li>
      ))}
      {left.map((section) => (
        <li key={section.name}>
          {plural(section.left_out, "further row")} of {section.name} are left out: there are too many.
        </li>
      ))}
    </ul>
  );
}

function NothingShown({ view, onChange }: Pick<ComparedProps, "view" | "onChange">) {
  if (view.filter !== "")
    return (
      <EmptyState icon="search" title="No row meets the filter">
        <Button onClick={() => onChange({ filter: "" })}>Clear the filter</Button>
      </EmptyState>
    );
  if (view.runs.length < 2)
    return <EmptyState title="One run has nothing to differ from">Add another one, or show all rows.</EmptyState>;
  return (
    <EmptyState icon="check" title="The runs do not differ">
      <Button onClick={() => onChange({ showAll: true })}>Show in what they agree</Button>
    </EmptyState>
  );
}
