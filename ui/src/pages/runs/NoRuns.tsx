import { useQuery } from "@tanstack/react-query";
import { Button } from "@/components/Button";
import { CommandLine } from "@/components/CommandLine";
import { EmptyState } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { NO_FILTERS, chipsOf, hasFilters, type Filters } from "./filters";
import { flowsQuery } from "./queries";
import styles from "./NoRuns.module.css";

const FIRST_FLOW = "python flow.py run";

interface NoRunsProps {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

/** There is nothing to list: say how the first run is made, or which filter to drop. */
export function NoRuns({ filters, onChange }: NoRunsProps) {
  const flows = useQuery(flowsQuery(25));
  if (!hasFilters(filters) || flows.data?.total === 0) {
    return (
      <EmptyState icon="play" title="No runs yet">
        <div className={styles.start}>
          <p>Run a flow in this project, and it appears here at once:</p>
          <CommandLine command={FIRST_FLOW} />
        </div>
      </EmptyState>
    );
  }
  const chips = chipsOf(filters);
  return (
    <EmptyState icon="filter" title="No run matches">
      <div className={styles.start}>
        <p>Runs must meet all of these. Drop one:</p>
        <ul className={styles.filters}>
          {filters.text !== "" && (
            <li>
              <Button onClick={() => onChange({ ...filters, text: "" })}>
                <span>
                  Without “<Untrusted text={filters.text} />”
                </span>
              </Button>
            </li>
          )}
          {chips.map((chip) => (
            <li key={chip.key}>
              <Button onClick={() => onChange(chip.without)}>
                Without {chip.label} <Untrusted text={chip.value} />
              </Button>
            </li>
          ))}
          <li>
            <Button kind="primary" onClick={() => onChange(NO_FILTERS)}>
              Show all runs
            </Button>
          </li>
        </ul>
      </div>
    </EmptyState>
  );
}
