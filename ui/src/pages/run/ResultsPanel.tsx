import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { CardBrief, RunResults } from "@/api/schema";
import { Panel } from "@/components/Panel";
import { ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, formatCount } from "@/format/numbers";
import { resultsQuery } from "./queries";
import styles from "./ResultsPanel.module.css";
import { ValueTable } from "./ValueTable";

/** What a run has brought: what its last step left, and its cards. */
export function ResultsPanel({ flow, runId }: { flow: string; runId: string }) {
  const query = useQuery(resultsQuery(flow, runId));
  if (query.data === undefined) {
    return (
      <Panel title="Results">
        {query.isError ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton height="6rem" />
        )}
      </Panel>
    );
  }
  return <Results flow={flow} runId={runId} results={query.data} />;
}

function Results({ flow, runId, results }: { flow: string; runId: string; results: RunResults }) {
  const { step, task_id: taskId, artifacts, cards } = results;
  const hidden = results.artifacts_in_all - artifacts.length;
  return (
    <Panel
      title="Results"
      actions={
        step !== null &&
        taskId !== null && (
          <Link to="/runs/$flow/$runId/tasks/$step/$taskId" params={{ flow, runId, step, taskId }} search={{}}>
            All of <Untrusted text={`${step}/${taskId}`} />
          </Link>
        )
      }
    >
      <div className={styles.results}>
        {results.problems.map((problem) => (
          <p key={problem} className={styles.problem}>
            <Untrusted text={problem} />
          </p>
        ))}
        {artifacts.length > 0 ? (
          <ValueTable label="Artifacts of the last step" values={artifacts} />
        ) : (
          <p className={styles.nothing}>The last step left no artifacts besides what the run was given.</p>
        )}
        {hidden > 0 && <p className={styles.nothing}>{formatCount(hidden)} more are on the page of the task.</p>}
        {cards.length > 0 && (
          <section aria-labelledby="cards">
            <h3 id="cards">Cards</h3>
            <ul className={styles.cards}>
              {cards.map((card) => (
                <li key={`${card.step}/${card.task_id}/${card.hash}/${card.type}`}>
                  <CardLink flow={flow} runId={runId} card={card} />
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </Panel>
  );
}

function CardLink({ flow, runId, card }: { flow: string; runId: string; card: CardBrief }) {
  return (
    <Link
      to="/runs/$flow/$runId/tasks/$step/$taskId"
      params={{ flow, runId, step: card.step, taskId: card.task_id }}
      search={{ tab: "cards", card: card.hash }}
      className={styles.card}
    >
      <Untrusted text={card.id ?? card.type} />
      <small>
        <Untrusted text={`${card.step}/${card.task_id}`} />, {formatBytes(card.size)}
      </small>
    </Link>
  );
}
