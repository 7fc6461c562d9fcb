import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { one, type Search } from "@/app/search";
import { useTitle } from "@/app/title";
import { appQuery } from "@/api/queries";
import { Button } from "@/components/Button";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { Output, Problem } from "./parts";
import { messageOf } from "./operation";
import { pastValuesQuery, startableQuery, startFormQuery } from "./queries";
import { StartForm } from "./StartForm";
import { NoStart } from "./StartPage";
import styles from "./StartFlowPage.module.css";

/** Start a run of a flow: a form made from its parameters. */
export function StartFlowPage() {
  const app = useQuery(appQuery);
  const { flow = "" }: { flow?: string } = useParams({ strict: false });
  const search: Search = useSearch({ strict: false });
  useTitle(`Start ${flow}`);
  if (app.data === undefined) return <Skeleton lines={6} />;
  if (!app.data.can_start) return <NoStart mode={app.data.mode} />;
  return <StartFlow key={flow} flow={flow} file={one(search, "file")} like={one(search, "like")} />;
}

function StartFlow({ flow, file, like }: { flow: string; file: string | undefined; like: string | undefined }) {
  const found = useQuery({ ...startableQuery, enabled: file === undefined });
  const files = found.data?.flows.filter((each) => each.flow === flow).map((each) => each.file) ?? [];
  const chosen = file ?? files[0];
  if (chosen !== undefined) return <FormOfFile key={chosen} flow={flow} file={chosen} like={like} />;
  if (found.isError)
    return <ErrorState error={found.error} title="The flows cannot be listed" onRetry={() => void found.refetch()} />;
  if (found.isPending) return <Loading flow={flow} />;
  return (
    <>
      <h1 className="visually-hidden">Start a run</h1>
      <EmptyState icon="play" title="This flow is not here">
        <p>
          No file of the project holds a flow called <Untrusted text={flow} />.
        </p>
        <p>
          <Link to="/start">Flows that are here</Link>
        </p>
      </EmptyState>
    </>
  );
}

function FormOfFile({ flow, file, like }: { flow: string; file: string; like: string | undefined }) {
  const form = useQuery(startFormQuery(file));
  const past = useQuery({ ...pastValuesQuery(file, flow, like ?? ""), enabled: like !== undefined && form.isSuccess });
  if (form.isError)
    return <Unreadable flow={flow} file={file} message={messageOf(form.error)} onRetry={() => void form.refetch()} />;
  if (form.isPending || (like !== undefined && past.isPending)) return <Loading flow={flow} />;
  return (
    <>
      {past.isError && <Problem text={`The values of run ${like ?? ""} cannot be taken: ${messageOf(past.error)}`} />}
      <StartForm key={like ?? ""} form={form.data} like={like} past={past.data} />
    </>
  );
}

function Loading({ flow }: { flow: string }) {
  return (
    <div className={styles.page}>
      <h1>
        Start <Untrusted text={flow} />
      </h1>
      <p role="status" className={styles.muted}>
        Asking the flow for its parameters…
      </p>
      <Skeleton height="18rem" />
    </div>
  );
}

/** The flow's file could not be loaded: what it said is the way to mend it. */
function Unreadable({
  flow,
  file,
  message,
  onRetry,
}: {
  flow: string;
  file: string;
  message: string;
  onRetry: () => void;
}) {
  const [first = "", ...rest] = message.split("\n");
  return (
    <div className={styles.page}>
      <h1>
        Start <Untrusted text={flow} />
      </h1>
      <Problem text={first} />
      {rest.length > 0 && <Output label={`What ${file} said`} text={rest.join("\n")} />}
      <p className={styles.muted}>Mend the file, and try again.</p>
      <div className={styles.buttons}>
        <Button kind="primary" onClick={onRetry}>
          Try again
        </Button>
      </div>
    </div>
  );
}
