import { useEffect, useState, type RefObject } from "react";

/**
 * Have a selection hold while rows are scrolled out of sight, and copy all of it: rows that are not drawn too.
 *
 * Gives the row that the selection begins in, which must stay drawn.
 */
export function useSelectedText(
  scroller: RefObject<HTMLElement | null>,
  rowText: (row: number) => string | undefined,
): number | null {
  const [kept, setKept] = useState<number | null>(null);
  useEffect(() => {
    const changed = () => {
      const selection = document.getSelection();
      const row =
        selection === null || selection.isCollapsed ? null : rowOfNode(selection.anchorNode, scroller.current);
      setKept(row);
    };
    document.addEventListener("selectionchange", changed);
    return () => document.removeEventListener("selectionchange", changed);
  }, [scroller]);
  useEffect(() => {
    const element = scroller.current;
    const copy = (event: ClipboardEvent) => {
      const text = selectedText(document.getSelection(), element, rowText);
      if (text === null) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", text);
    };
    element?.addEventListener("copy", copy);
    return () => element?.removeEventListener("copy", copy);
  }, [scroller, rowText]);
  return kept;
}

/** Text of a selection that goes over several rows; null if it does not. */
function selectedText(
  selection: Selection | null,
  element: HTMLElement | null,
  rowText: (row: number) => string | undefined,
): string | null {
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const first = rowOfNode(range.startContainer, element);
  const last = rowOfNode(range.endContainer, element);
  if (first === null || last === null || first === last) return null;
  const lines: string[] = [];
  for (let row = first; row <= last; row += 1) {
    const text = rowText(row) ?? "";
    if (row === first) lines.push(text.slice(offsetIn(range.startContainer, range.startOffset, element)));
    else if (row === last) lines.push(text.slice(0, offsetIn(range.endContainer, range.endOffset, element)));
    else lines.push(text);
  }
  return lines.join("\n");
}

function rowOfNode(node: Node | null, element: HTMLElement | null): number | null {
  const holder = (node instanceof Element ? node : node?.parentElement)?.closest<HTMLElement>("[data-row]");
  if (holder === null || holder === undefined || element?.contains(holder) !== true) return null;
  return Number(holder.dataset.row);
}

/** How much of a row's text is before a place in it. */
function offsetIn(node: Node, offset: number, element: HTMLElement | null): number {
  const holder = (node instanceof Element ? node : node.parentElement)?.closest("[data-row]");
  const text = holder?.querySelector("[data-text]");
  if (text === null || text === undefined || element?.contains(text) !== true) return 0;
  if (!text.contains(node)) return node.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING ? Infinity : 0;
  const before = document.createRange();
  before.selectNodeContents(text);
  before.setEnd(node, offset);
  return before.toString().length;
}
