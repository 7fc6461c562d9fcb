import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import styles from "./CompareTable.module.css";
import { fieldOf, type Line } from "./differences";
import type { Better, CompareView } from "./search";

const NEXT: Record<Better | "neutral", Better | null> = { neutral: "higher", higher: "lower", lower: null };
const WORDS: Record<Better | "neutral", string> = {
  neutral: "Neither is better; choose that higher is better",
  higher: "Higher is better; choose that lower is better",
  lower: "Lower is better; choose that neither is",
};
/** Sections whose numbers can be better or worse. */
const JUDGED = new Set(["metrics", "durations"]);

interface RowNameProps {
  line: Extract<Line, { kind: "row" }>;
  width: number;
  view: CompareView;
  onChange: (change: Partial<CompareView>) => void;
}

/** The name of a row, and what can be done with its numbers: drawing them, saying which are better. */
export function RowName({ line, width, view, onChange }: RowNameProps) {
  const { row, section } = line;
  const field = fieldOf(section.name, row);
  const better = view.better.get(field);
  const isDrawn = view.chart !== null && view.fields.includes(field);
  const draw = () =>
    onChange({
      chart: view.chart ?? "bars",
      fields: isDrawn ? view.fields.filter((each) => each !== field) : [...view.fields, field],
    });
  const judge = () => {
    const changed = new Map(view.better);
    const next = NEXT[better ?? "neutral"];
    if (next === null) changed.delete(field);
    else changed.set(field, next);
    onChange({ better: changed });
  };
  return (
    <div role="rowheader" aria-colindex={1} className={styles.name} style={{ width }} title={row.name}>
      {row.differs && (
        <span className={styles.mark} title="differs">
          <span className="visually-hidden">differs: </span>
        </span>
      )}
      <Untrusted text={row.name} className={styles.nameText} />
      {row.is_numeric && (
        <span className={styles.nameTools}>
          {JUDGED.has(section.name) && (
            <Button kind="quiet" label={WORDS[better ?? "neutral"]} className={styles.small} onClick={judge}>
              {better === undefined ? "≷" : <Icon name={better === "higher" ? "up" : "down"} size={12} />}
            </Button>
          )}
          <Button
            kind="quiet"
            label={isDrawn ? `Do not draw ${row.name}` : `Draw ${row.name}`}
            aria-pressed={isDrawn}
            className={`${styles.small} ${isDrawn ? styles.drawn : ""}`}
            onClick={draw}
          >
            <ChartIcon />
          </Button>
        </span>
      )}
    </div>
  );
}

function ChartIcon() {
  return (
    <svg
      width={12}
      height={12}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      aria-hidden="true"
    >
      <path d="M3 14V8M8 14V2M13 14v-4" />
    </svg>
  );
}
