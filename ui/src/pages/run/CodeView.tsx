import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { CodeFiles, RunBrief } from "@/api/schema";
import type { Search } from "@/app/search";
import type { RunViewProps } from "@/app/selection";
import { ChangedFiles } from "@/components/ChangedFiles";
import { Icon } from "@/components/Icon";
import { ApiError } from "@/api/client";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { visible } from "@/format/untrusted";
import styles from "./CodeView.module.css";
import { FileList } from "./FileList";
import { archiveAddress, codeChangesQuery, codeFileQuery, codeFilesQuery, detailsQuery } from "./queries";
import { codePlaceOf, searchOfCodePlace, type CodePlace } from "./search";
import { SourceView } from "./SourceView";

/** The code that a run was started with: its files, and in what it differs from other code. */
export function CodeView({ flow, runId }: RunViewProps) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const place = codePlaceOf(search);
  const files = useQuery(codeFilesQuery(flow, runId));
  const go = useCallback(
    (next: CodePlace) =>
      void navigate({ to: ".", search: (before: Search) => ({ ...before, ...searchOfCodePlace(next) }) }),
    [navigate],
  );
  if (files.data === undefined) {
    if (!files.isError) return <Skeleton height="24rem" />;
    if (files.error instanceof ApiError && files.error.kind === "no_code") {
      return (
        <EmptyState title="The code of this run was not recorded">
          It was started from no file, as in a notebook, or by a version that did not keep it.
        </EmptyState>
      );
    }
    return <ErrorState error={files.error} title="The code cannot be read" onRetry={() => void files.refetch()} />;
  }
  const path = place.file ?? files.data.script;
  return (
    <div className={styles.view}>
      <Head flow={flow} runId={runId} place={place} onGo={go} />
      {place.against === undefined ? (
        <div className={styles.columns}>
          <FileList files={files.data} selected={path} onSelect={(file) => go({ file })} />
          <File flow={flow} runId={runId} path={path} line={place.line} onLine={(line) => go({ file: path, line })} />
        </div>
      ) : (
        <Differences flow={flow} runId={runId} against={place.against} />
      )}
      <LeftOut files={files.data} />
    </div>
  );
}

interface HeadProps {
  flow: string;
  runId: string;
  place: CodePlace;
  onGo: (place: CodePlace) => void;
}

function Head({ flow, runId, place, onGo }: HeadProps) {
  const details = useQuery(detailsQuery(flow, runId));
  const code = details.data?.code;
  const others = (details.data?.recent ?? []).filter((run) => run.run_id !== runId);
  const known = ["commit", "success", ...others.map((run) => run.run_id)];
  const against = place.against;
  return (
    <div className={styles.head}>
      <label className={styles.choice}>
        <span>Show</span>
        <select
          value={against ?? ""}
          onChange={(event) => onGo({ file: place.file, against: event.target.value || undefined })}
        >
          <option value="">the code itself</option>
          <option value="commit">
            what differs from the commit
            {code?.commit === null || code === null || code === undefined ? "" : ` ${code.commit.slice(0, 10)}`}
          </option>
          <option value="success">what changed since the last success</option>
          {against !== undefined && !known.includes(against) && (
            <option value={against}>what changed since {visible(against)}</option>
          )}
          {others.length > 0 && (
            <optgroup label="What changed since run">
              {others.map((run) => (
                <option key={run.run_id} value={run.run_id}>
                  {nameOf(run)}
                </option>
              ))}
            </optgroup>
          )}
        </select>
      </label>
      <a className={styles.download} href={archiveAddress(flow, runId)} download={`${flow}-${runId}-code.tar.gz`}>
        <Icon name="download" size={14} /> Download all
      </a>
    </div>
  );
}

function nameOf(run: RunBrief): string {
  return `${visible(run.run_id)} (${run.status})`;
}

interface FileProps {
  flow: string;
  runId: string;
  path: string;
  line: number | undefined;
  onLine: (line: number) => void;
}

function File({ flow, runId, path, line, onLine }: FileProps) {
  const file = useQuery(codeFileQuery(flow, runId, path));
  if (file.data === undefined) {
    if (!file.isError) return <Skeleton height="24rem" />;
    return <ErrorState error={file.error} title="The file cannot be shown" onRetry={() => void file.refetch()} />;
  }
  return <SourceView key={path} file={file.data} line={line} onLine={onLine} />;
}

function Differences({ flow, runId, against }: { flow: string; runId: string; against: string }) {
  const query = useQuery(codeChangesQuery(flow, runId, against));
  if (query.data === undefined) {
    if (!query.isError) return <Skeleton height="16rem" />;
    return <ErrorState error={query.error} title="What differs cannot be told" onRetry={() => void query.refetch()} />;
  }
  const { obstacle, files } = query.data;
  if (obstacle !== null)
    return <EmptyState title={`What differs from ${query.data.against} cannot be told`}>{obstacle}</EmptyState>;
  if (files.length === 0) return <EmptyState icon="done" title={`The code is that of ${query.data.against}`} />;
  return <ChangedFiles files={files} leftOut={query.data.left_out} allOpen={files.length <= 20} />;
}

function LeftOut({ files }: { files: CodeFiles }) {
  const names = Object.entries(files.left_out);
  if (names.length === 0) return null;
  return (
    <details className={styles.leftOut}>
      <summary>{names.length} files were not kept</summary>
      <ul>
        {names.map(([name, reason]) => (
          <li key={name}>
            {visible(name)}: {visible(reason)}
          </li>
        ))}
      </ul>
    </details>
  );
}
