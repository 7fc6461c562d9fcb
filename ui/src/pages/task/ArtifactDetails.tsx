import { useQuery } from "@tanstack/react-query";
import type { ArtifactDetails as Details } from "@/api/schema";
import { CopyButton } from "@/components/CopyButton";
import { Icon } from "@/components/Icon";
import { KeyValue } from "@/components/KeyValue";
import { ErrorState, Skeleton } from "@/components/States";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes, formatCount } from "@/format/numbers";
import styles from "./ArtifactDetails.module.css";
import { SameValues } from "./SameValues";
import { addressOf, type TaskAddress } from "./address";
import { factsOf } from "./facts";
import { FramePreview } from "./previews/FramePreview";
import { Histogram } from "./previews/Histogram";
import { JsonTree } from "./previews/JsonTree";
import { TextPreview } from "./previews/TextPreview";
import { artifactQuery } from "./queries";

interface ArtifactDetailsProps {
  task: TaskAddress;
  attempt: number;
  name: string;
}

/** One artifact, opened: what is in it, what it is, and where else the same value stands. */
export function ArtifactDetails({ task, attempt, name }: ArtifactDetailsProps) {
  const query = useQuery(artifactQuery(task, attempt, name));
  if (query.isError) {
    return <ErrorState title="This cannot be shown" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) return <Skeleton lines={4} />;
  const artifact = query.data;
  return (
    <div className={styles.details}>
      <div className={styles.preview}>
        <Preview task={task} attempt={attempt} artifact={artifact} />
      </div>
      <div className={styles.side}>
        <KeyValue entries={entriesOf(artifact)} />
        {!artifact.is_skipped && (
          <a className={styles.download} href={addressOf("artifact/raw", task, attempt, { name })} download>
            <Icon name="download" size={14} /> Download{" "}
            {artifact.text_bytes !== null || artifact.image !== null ? "" : "as a pickle"}
          </a>
        )}
        {!artifact.is_skipped && <SameValues task={task} attempt={attempt} name={name} />}
      </div>
    </div>
  );
}

function entriesOf(artifact: Details): [string, React.ReactNode][] {
  const facts = factsOf(artifact.facts);
  const entries: [string, React.ReactNode][] = [["Type", <Untrusted key="type" text={artifact.type} />]];
  for (const [name, value] of facts.lines) entries.push([name, <Untrusted key={name} text={value} />]);
  if (!artifact.is_skipped) {
    const place = artifact.is_inline ? ", with the task's record" : "";
    const exact = artifact.size < 1000 ? "" : ` (${formatCount(artifact.size)} B)`;
    entries.push(["Stored", `${formatBytes(artifact.size)}${exact}${place}`]);
    entries.push([
      "Hash",
      <span key="hash" className={styles.hash}>
        <code title={artifact.hash}>{artifact.hash.slice(0, 16)}</code>
        <CopyButton text={artifact.hash} label="Copy the hash" />
      </span>,
    ]);
    const by = artifact.serializer === null || artifact.serializer === "" ? "" : ` by ${artifact.serializer}`;
    entries.push(["Encoding", <Untrusted key="encoding" text={artifact.encoding + by} />]);
  }
  return entries;
}

function Preview({ task, attempt, artifact }: { task: TaskAddress; attempt: number; artifact: Details }) {
  const facts = factsOf(artifact.facts);
  const address = { name: artifact.name };
  if (artifact.image !== null) {
    return (
      <img
        className={styles.picture}
        src={addressOf("artifact/image", task, attempt, address)}
        alt={`Content of ${artifact.name}`}
      />
    );
  }
  if (artifact.thumbnail !== null) {
    return (
      <figure className={styles.figure}>
        <img className={styles.picture} src={artifact.thumbnail} alt={`Small version of ${artifact.name}`} />
        <figcaption>A small version, made when it was saved</figcaption>
      </figure>
    );
  }
  if (facts.frame !== null) return <FramePreview frame={facts.frame} />;
  if (facts.histogram !== null) return <Histogram {...facts.histogram} />;
  if (facts.tree !== undefined) return <JsonTree label={artifact.name} value={facts.tree} />;
  if (artifact.text_bytes !== null) return <TextPreview task={task} attempt={attempt} name={artifact.name} />;
  return (
    <pre className={styles.line}>
      <Untrusted text={artifact.has_value ? String(artifact.value) : artifact.preview} />
    </pre>
  );
}
