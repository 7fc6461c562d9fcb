import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { one } from "@/app/search";
import { CopyButton } from "@/components/CopyButton";
import { SearchField } from "@/components/SearchField";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { plural } from "@/format/numbers";
import styles from "./MetadataTab.module.css";
import type { TaskAddress } from "./address";
import { matching, merged, type MergedField } from "./metadata";
import { metadataQuery } from "./queries";

/** All that was recorded of the task's attempts. */
export function MetadataTab({ task, attempts }: { task: TaskAddress; attempts: number }) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const query = useQuery(metadataQuery(task));
  const words = one(search, "find") ?? "";
  if (query.isError && query.data === undefined) {
    return <ErrorState title="The metadata cannot be shown" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) return <Skeleton lines={10} />;
  const fields = merged(matching(query.data.fields, words));
  return (
    <div className={styles.tab}>
      <div className={styles.tools}>
        <SearchField
          label="Search metadata"
          placeholder="Name or value"
          value={words}
          onChange={(text) =>
            void navigate({
              to: ".",
              search: (before) => ({ ...before, find: text }),
              replace: true,
              resetScroll: false,
            })
          }
        />
        <span className={styles.count} role="status">
          {plural(fields.length, "field")}
        </span>
      </div>
      {fields.length === 0 ? (
        <EmptyState icon="search" title="No field has all of these words" />
      ) : (
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              {attempts > 1 && <th scope="col">Attempt</th>}
              <th scope="col">Recorded</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field, index) => (
              <Row key={index} field={field} hasAttempts={attempts > 1} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Row({ field, hasAttempts }: { field: MergedField; hasAttempts: boolean }) {
  return (
    <tr>
      <th scope="row">
        <Untrusted text={field.type === "card-info" ? "card-info" : field.name} />
      </th>
      <td className={styles.value}>
        <div>
          <Untrusted text={field.value} />
          {field.is_cut && <span className={styles.cut}> … cut</span>}
          <CopyButton text={field.value} label={`Copy ${field.name}`} />
        </div>
      </td>
      {hasAttempts && <td className={styles.at}>{field.attempts.join(", ")}</td>}
      <td className={styles.at}>
        <Time at={field.at} />
      </td>
    </tr>
  );
}
