import type { ComparedRow } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes } from "@/format/numbers";
import { visible } from "@/format/untrusted";
import styles from "./CompareTable.module.css";
import { deltaOf, shownText, valueAt, type Delta } from "./differences";
import { holdsValues } from "./queries";
import type { Better } from "./search";

interface CompareCellProps {
  row: ComparedRow;
  section: string;
  /** Positions in the comparison. */
  run: number;
  baseline: number;
  column: number;
  left: number;
  width: number;
  stickyLeft: number | null;
  better: Better | undefined;
  onCloser: () => void;
}

/** What a run has, and what of it is other than the baseline's. */
export function CompareCell({
  row,
  section,
  run,
  baseline,
  column,
  left,
  width,
  stickyLeft,
  ...rest
}: CompareCellProps) {
  const value = valueAt(row, run);
  const before = valueAt(row, baseline);
  const isSame = run === baseline || row.cells[run] === row.cells[baseline];
  const place = stickyLeft === null ? { left, width } : { left: stickyLeft, width };
  const delta = value === null || before === null || isSame ? null : deltaOf(row, before, value, rest.better);
  const canLook =
    run !== baseline &&
    !isSame &&
    (section === "code" || (holdsValues(section) && (value?.is_cut === true || before?.is_cut === true)));
  const looks = [
    styles.cell,
    stickyLeft === null ? styles.placed : styles.pinned,
    isSame ? (run === baseline ? "" : styles.same) : row.differs ? styles.differs : "",
    row.is_numeric ? styles.number : "",
  ];
  return (
    <div role="cell" aria-colindex={column + 2} className={looks.join(" ")} style={place} title={hint(row, run)}>
      {value === null ? (
        <span className={styles.nothing}>
          <span aria-hidden="true">–</span>
          <span className="visually-hidden">nothing</span>
        </span>
      ) : canLook ? (
        <button type="button" className={styles.look} onClick={rest.onCloser} title="Show the difference">
          <Untrusted text={shownText(row, value)} />
        </button>
      ) : (
        <Untrusted text={shownText(row, value)} className={styles.value} />
      )}
      {delta !== null && <DeltaText delta={delta} />}
    </div>
  );
}

function DeltaText({ delta }: { delta: Delta }) {
  const judged = delta.isBetter === null ? "" : delta.isBetter ? "better" : "worse";
  return (
    <span className={`${styles.delta} ${judged === "" ? "" : styles[judged]}`}>
      {judged === "" && <Icon name={delta.direction} size={10} />}
      {delta.text}
      {judged !== "" && ` ${judged}`}
    </span>
  );
}

/** The exact value, its type and size. */
function hint(row: ComparedRow, run: number): string | undefined {
  const value = valueAt(row, run);
  if (value === null) return undefined;
  const unit = row.unit === "seconds" ? " s" : "";
  const facts = [
    value.type,
    value.size === null ? "" : formatBytes(value.size),
    value.sha && `hash ${value.sha.slice(0, 12)}`,
  ];
  const about = facts.filter((fact) => fact !== "").join(", ");
  return visible(value.text + unit) + (about === "" ? "" : `\n${visible(about)}`);
}
