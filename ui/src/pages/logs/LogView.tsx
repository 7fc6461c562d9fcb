import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";
import { segmentFor } from "./segment";
import styles from "./LogView.module.css";
import { useSelectedText } from "./useSelectedText";

/** Where to scroll to: a row, in the middle or at the end. Another `key` scrolls again. */
export interface Target {
  row: number;
  key: number;
}

interface LogViewProps {
  label: string;
  total: number;
  /** Height of a row that is not wrapped, in pixels. */
  rowHeight: number;
  wrap: boolean;
  isFull: boolean;
  following: boolean;
  onFollowing: (following: boolean) => void;
  target: Target | null;
  /** Called with the rows that are looked at. */
  onRows: (begin: number, end: number) => void;
  renderRow: (row: number) => ReactNode;
  /** How many rows have been put before those that were there: what is seen stays where it is. */
  prepended?: number;
  /** Text of a row for the clipboard; undefined for one that is not here. */
  rowText: (row: number) => string | undefined;
  footer: ReactNode;
}

const OVERSCAN = 24;
const SCROLLS = 0;
// Scrolled so near to the end, in pixels, the view is at it.
const NEAR_END = 4;

/** Rows of a log of any length, of which only those are drawn that can be seen. */
export function LogView(props: LogViewProps) {
  const { total, rowHeight, wrap, following, onFollowing, target, onRows } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [base, setBase] = useState(() => segmentFor(total, following ? total - 1 : (target?.row ?? 0), null).base);
  const { count } = segmentFor(total, base, { base, count: 0 }, undefined, true);
  const kept = useSelectedText(scroller, props.rowText);
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    rangeExtractor: (range) => withKept(range, kept === null ? -1 : kept - base),
  });
  const first = base + (virtualizer.range?.startIndex ?? 0);
  const last = base + (virtualizer.range?.endIndex ?? 0);

  useEffect(() => onRows(first - OVERSCAN, last + OVERSCAN + 1), [onRows, first, last, total]);
  useEffect(() => virtualizer.measure(), [virtualizer, rowHeight, wrap]);
  useHeight(scroller, following);
  const jumped = useMovedBase(base, rowHeight, scroller);
  usePrepended(props.prepended ?? 0, rowHeight, scroller);
  const scrolledTo = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (target === null || scrolledTo.current === target.key || total === 0) return;
    const next = segmentFor(total, target.row, { base, count });
    if (next.base !== base) {
      jumped.current = true;
      setBase(next.base);
      return; // and scroll when it is there
    }
    scrolledTo.current = target.key;
    virtualizer.scrollToIndex(Math.min(target.row, total - 1) - base, { align: "center" });
  }, [target, total, base, count, virtualizer, jumped]);

  useLayoutEffect(() => {
    if (!following || total === 0) return;
    const next = segmentFor(total, total - 1, { base, count });
    if (next.base !== base) {
      jumped.current = true;
      setBase(next.base);
      return;
    }
    const element = scroller.current;
    element?.scrollTo({ top: element.scrollHeight });
  }, [following, total, base, count, jumped, virtualizer, props.footer]);

  const onFollowingByScroll = useFollowingByScroll(scroller, following, onFollowing);
  const onScroll = () => {
    onFollowingByScroll();
    // Not the range of the virtualizer, which may be that of before this was scrolled.
    const seen = virtualizer.getVirtualItemForOffset(scroller.current?.scrollTop ?? 0);
    if (seen === undefined || following) return;
    const next = segmentFor(total, base + seen.index, { base, count });
    if (next.base !== base) setBase(next.base);
  };
  return (
    <div
      ref={scroller}
      className={`${styles.view} ${wrap ? styles.wrapped : ""} ${props.isFull ? styles.full : ""}`}
      role="region"
      aria-label={props.label}
      tabIndex={SCROLLS}
      onScroll={onScroll}
    >
      <div className={styles.space} style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => (
          <div
            key={item.index + base}
            ref={wrap ? virtualizer.measureElement : undefined}
            data-index={item.index}
            data-row={item.index + base}
            className={styles.row}
            style={{ transform: `translateY(${item.start}px)`, ...(wrap ? {} : { height: rowHeight }) }}
          >
            {props.renderRow(item.index + base)}
          </div>
        ))}
      </div>
      {props.footer}
    </div>
  );
}

/** The rows that can be seen, and the one that a selection begins in, which would be lost without it. */
function withKept(range: { startIndex: number; endIndex: number; overscan: number; count: number }, kept: number) {
  const begin = Math.max(0, range.startIndex - range.overscan);
  const end = Math.min(range.count - 1, range.endIndex + range.overscan);
  const rows = Array.from({ length: Math.max(0, end - begin + 1) }, (_, index) => begin + index);
  if (kept >= 0 && kept < begin) rows.unshift(kept);
  else if (kept > end && kept < range.count) rows.push(kept);
  return rows;
}

/** Tell the style where on the page the log begins, and stay at its end while that is followed. */
function useHeight(scroller: RefObject<HTMLDivElement | null>, following: boolean) {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const fit = () => {
      const top = Math.round(element.getBoundingClientRect().top + window.scrollY);
      element.style.setProperty("--log-top", `${top}px`);
      if (following) element.scrollTo({ top: element.scrollHeight });
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(document.body);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, following]);
}

/** Keep what is seen where it is when the segment moves; unless something else is jumped to. */
function useMovedBase(base: number, rowHeight: number, scroller: RefObject<HTMLDivElement | null>) {
  const jumped = useRef(false);
  const before = useRef(base);
  useLayoutEffect(() => {
    const moved = base - before.current;
    before.current = base;
    if (moved !== 0 && !jumped.current) scroller.current?.scrollBy(0, -moved * rowHeight);
    jumped.current = false;
  }, [base, rowHeight, scroller]);
  return jumped;
}

function usePrepended(prepended: number, rowHeight: number, scroller: RefObject<HTMLDivElement | null>) {
  const before = useRef(prepended);
  useLayoutEffect(() => {
    const added = prepended - before.current;
    before.current = prepended;
    if (added > 0) scroller.current?.scrollBy(0, added * rowHeight);
  }, [prepended, rowHeight, scroller]);
}

/** Scrolling up ends following, and scrolling to the end begins it again. */
function useFollowingByScroll(
  scroller: RefObject<HTMLDivElement | null>,
  following: boolean,
  onFollowing: (following: boolean) => void,
) {
  const before = useRef(0);
  return () => {
    const element = scroller.current;
    if (element === null) return;
    const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - NEAR_END;
    const isUp = element.scrollTop < before.current - 1;
    before.current = element.scrollTop;
    if (following && isUp && !isAtEnd) onFollowing(false);
    else if (!following && isAtEnd && !isUp) onFollowing(true);
  };
}
