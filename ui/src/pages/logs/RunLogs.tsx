import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import { api, body } from "@/api/client";
import type { RunViewProps } from "@/app/selection";
import { isNothing, type Search } from "./logSearch";
import { RunLogFilters } from "./RunLogFilters";
import { RunLogTail } from "./RunLogTail";
import { RunSearchResults } from "./RunSearchResults";
import { runLogQuery } from "./runTail";
import { flag, runFilterOf, searchOf, streamOf } from "./search";
import { SearchField } from "./SearchField";
import styles from "./RunLogs.module.css";
import { useLogKeys } from "./useLogKeys";

/** What all tasks of a run printed, and a search in it. */
export function RunLogs({ flow, runId }: RunViewProps) {
  const address = useSearch({ strict: false });
  const navigate = useNavigate();
  const field = useRef<HTMLInputElement>(null);
  const stream = streamOf(address);
  const { text, regex, case: differs, level } = searchOf(address);
  const search: Search = useMemo(() => ({ text, regex, case: differs, level }), [text, regex, differs, level]);
  const { steps, statuses, latest } = runFilterOf(address);
  // Texts, so that they are the same as long as they say the same.
  const chosen = JSON.stringify({ steps, statuses, latest });
  const query = useMemo(
    () => runLogQuery(flow, runId, stream, JSON.parse(chosen) as ReturnType<typeof runFilterOf>),
    [flow, runId, stream, chosen],
  );
  const known = useQuery({
    queryKey: ["run", flow, runId, "log-steps"],
    queryFn: async ({ signal }) =>
      body(await api.GET("/api/v1/steps", { params: { query: { flow, run_id: runId } }, signal })),
  });
  useLogKeys({ field, onLeaveFull: null });
  const change = (part: Record<string, string | string[] | undefined>) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...part }), replace: true, resetScroll: false });

  return (
    <section className={styles.logs} aria-label="Logs of all tasks">
      <header className={styles.bar}>
        <SearchField
          label="Search the logs of all tasks"
          search={search}
          field={field}
          onSearch={(next) =>
            change({
              q: next.text,
              regex: flag(next.regex),
              case: flag(next.case),
              level: next.level ?? undefined,
            })
          }
        />
        <RunLogFilters
          stream={stream}
          filter={{ steps, statuses, latest }}
          steps={(known.data?.steps ?? []).map((each) => each.step).filter((step) => step !== "_parameters")}
          onChange={change}
        />
      </header>
      {isNothing(search) ? (
        <RunLogTail flow={flow} runId={runId} query={query} />
      ) : (
        <RunSearchResults flow={flow} runId={runId} query={query} search={search} />
      )}
    </section>
  );
}
