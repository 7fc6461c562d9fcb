import { flexRender, getCoreRowModel, useReactTable, type ColumnDef, type Row } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, type RefObject } from "react";
import type { RunRow } from "@/api/schema";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { Cell } from "./cells";
import { nextOrder, sortingOf, type Column } from "./columns";
import { itemsOf, type Grouping, type Item } from "./grouping";
import { keyOf } from "./queries";
import { RunCard, cardHeight } from "./RunCard";
import styles from "./RunTable.module.css";
import type { Selection } from "./useSelection";

const ROW_PIXELS = 32;
const OVERSCAN = 10;
/** The next page is asked for when so many rows are left below. */
const ROWS_AHEAD = 25;
const CHECKBOX_REM = 2.25;

interface RunTableProps {
  runs: readonly RunRow[];
  columns: readonly Column[];
  order: string;
  onOrder: (order: string) => void;
  grouping: Grouping;
  selection: Selection;
  /** The run that keys act upon. */
  active: string | null;
  scroller: RefObject<HTMLDivElement | null>;
  isNarrow: boolean;
  /** Whether the rows are of another list, until the one that is asked for has come. */
  isOld: boolean;
  hasMore: boolean;
  onMore: () => void;
}

/** The list: only the rows that can be seen are drawn. */
export function RunTable(props: RunTableProps) {
  const { runs, grouping, scroller, isNarrow, active, hasMore, onMore } = props;
  const items = useMemo(() => itemsOf(runs, grouping), [runs, grouping]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => {
      const item = items[index];
      return isNarrow && item?.kind === "run" ? cardHeight(item.run) : ROW_PIXELS;
    },
    overscan: OVERSCAN,
    getItemKey: (index) => items[index]?.key ?? index,
  });
  useEffect(() => virtual.measure(), [virtual, isNarrow, items]);
  const shown = virtual.getVirtualItems();
  const lastShown = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= items.length - ROWS_AHEAD) onMore();
  }, [hasMore, lastShown, items.length, onMore]);
  const activeIndex = active === null ? -1 : items.findIndex((item) => item.key === active);
  const lastActive = useRef(activeIndex);
  useEffect(() => {
    if (activeIndex >= 0 && activeIndex !== lastActive.current) virtual.scrollToIndex(activeIndex, { align: "auto" });
    lastActive.current = activeIndex;
  }, [activeIndex, virtual]);
  const above = shown[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  const visible = shown.flatMap((each) => items[each.index] ?? []);
  return (
    <div ref={scroller} className={`${styles.scroller} ${props.isOld ? styles.old : ""}`}>
      {isNarrow ? (
        <ul aria-label="Runs" style={{ paddingBlock: `${above}px ${below}px` }}>
          {visible.map((item) =>
            item.kind === "group" ? (
              <li key={item.key} className={styles.group}>
                <GroupName name={item.name} />
              </li>
            ) : (
              <RunCard key={item.key} run={item.run} selection={props.selection} />
            ),
          )}
        </ul>
      ) : (
        <Grid {...props} items={visible} count={items.length} above={above} below={below} />
      )}
    </div>
  );
}

interface GridProps extends RunTableProps {
  items: readonly Item[];
  count: number;
  above: number;
  below: number;
}

function Grid({ runs, columns, order, onOrder, selection, active, items, count, above, below }: GridProps) {
  const definitions = useMemo<ColumnDef<RunRow>[]>(
    () =>
      columns.map((column) => ({
        id: column.id,
        header: column.title,
        cell: ({ row }) => <Cell run={row.original} column={column} />,
      })),
    [columns],
  );
  const table = useReactTable({
    data: runs as RunRow[],
    columns: definitions,
    getRowId: keyOf,
    getCoreRowModel: getCoreRowModel(),
    manualSorting: true,
  });
  const rows = table.getRowModel().rowsById;
  const width = columns.reduce((sum, column) => sum + column.width, CHECKBOX_REM);
  return (
    <table aria-label="Runs" aria-rowcount={count + 1} className={styles.table} style={{ minWidth: `${width}rem` }}>
      <colgroup>
        <col style={{ width: `${CHECKBOX_REM}rem` }} />
        {columns.map((column) => (
          <col key={column.id} style={{ width: `${column.width}rem` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <th className={styles.check}>
            <input
              type="checkbox"
              aria-label="Select all runs that are loaded"
              checked={selection.keys.size > 0 && runs.every((run) => selection.keys.has(keyOf(run)))}
              onChange={(event) => selection.setAll(event.target.checked)}
            />
          </th>
          {columns.map((column) => (
            <Head key={column.id} column={column} order={order} onOrder={onOrder} />
          ))}
        </tr>
      </thead>
      <tbody>
        {above > 0 && <Spacer height={above} />}
        {items.map((item) => {
          if (item.kind === "group") {
            return (
              <tr key={item.key} className={styles.group}>
                <th scope="rowgroup" colSpan={columns.length + 1}>
                  <GroupName name={item.name} />
                </th>
              </tr>
            );
          }
          const row = rows[item.key];
          return row && <RunLine key={item.key} row={row} selection={selection} isActive={item.key === active} />;
        })}
        {below > 0 && <Spacer height={below} />}
      </tbody>
    </table>
  );
}

function RunLine({ row, selection, isActive }: { row: Row<RunRow>; selection: Selection; isActive: boolean }) {
  const run = row.original;
  const key = keyOf(run);
  const isSelected = selection.keys.has(key);
  return (
    <tr
      data-run={key}
      className={`${styles.row} ${isSelected ? styles.selected : ""} ${isActive ? styles.active : ""}`}
    >
      <td className={styles.check}>
        <Checkbox run={run} selection={selection} />
      </td>
      {row.getVisibleCells().map((cell) => (
        <td key={cell.id}>{flexRender(cell.column.columnDef.cell, cell.getContext())}</td>
      ))}
    </tr>
  );
}

/** Chooses a run; with Shift, all from the one that was chosen last. */
export function Checkbox({ run, selection }: { run: RunRow; selection: Selection }) {
  const key = keyOf(run);
  return (
    <input
      type="checkbox"
      aria-label={`Select run ${run.flow}/${run.run_id}`}
      checked={selection.keys.has(key)}
      onChange={(event) => selection.toggle(key, event.nativeEvent instanceof MouseEvent && event.nativeEvent.shiftKey)}
    />
  );
}

function Spacer({ height }: { height: number }) {
  return (
    <tr aria-hidden="true" className={styles.spacer}>
      <td style={{ height }} />
    </tr>
  );
}

function GroupName({ name }: { name: string }) {
  return name === "" ? <span>Nobody</span> : <Untrusted text={name} />;
}

interface HeadProps {
  column: Column;
  order: string;
  onOrder: (order: string) => void;
}

function Head({ column, order, onOrder }: HeadProps) {
  const sorting = sortingOf(column, order);
  const name = <Untrusted text={column.title} />;
  if (column.order === undefined) return <th scope="col">{name}</th>;
  return (
    <th scope="col" aria-sort={sorting}>
      <button
        type="button"
        className={styles.sort}
        title={column.value === undefined ? undefined : `${column.value.kind} ${column.value.name}`}
        onClick={() => onOrder(nextOrder(column, order))}
      >
        {name}
        {sorting !== "none" && <Icon name={sorting === "ascending" ? "up" : "down"} size={12} />}
      </button>
    </th>
  );
}
