import type { LogPage, LogRow } from "@/api/schema";

/** What is known of a log. */
export type LogFacts = Omit<LogPage, "rows" | "first_row">;

/** Rows that are kept; of more, those farthest from where the reader is are dropped. */
const MOST_ROWS = 60_000;

/**
 * The rows of a log that are here, by their place, and what is known of the log. Every change gives a new `revision`.
 */
export class LogBuffer {
  facts: LogFacts | null = null;
  revision = 0;
  private readonly rows = new Map<number, LogRow>();

  constructor(private readonly most: number = MOST_ROWS) {}

  get total(): number {
    return this.facts?.total_rows ?? 0;
  }

  row(place: number): LogRow | undefined {
    return this.rows.get(place);
  }

  /** Whether all rows from one to another are here. */
  has(begin: number, end: number): boolean {
    for (let place = begin; place < end; place += 1) if (!this.rows.has(place)) return false;
    return true;
  }

  /** Take in a page that was asked for. */
  addPage(page: LogPage): void {
    this.renew(page);
    // A page that was read earlier must not take the place of what is newer.
    const isOlder = page.total_lines < (this.facts?.total_lines ?? 0);
    page.rows.forEach((row, index) => {
      const place = page.first_row + index;
      if (!isOlder || !this.rows.has(place)) this.rows.set(place, row);
    });
    if (!isOlder) this.facts = page;
    this.evict(page.first_row);
    this.revision += 1;
  }

  /** Take in what is new: rows from the first one on are no longer what they were. */
  addGrowth(growth: LogPage): void {
    this.renew(growth);
    if (growth.total_lines < (this.facts?.total_lines ?? 0)) return;
    const before = this.total;
    for (let place = growth.first_row; place < before; place += 1) this.rows.delete(place);
    growth.rows.forEach((row, index) => this.rows.set(growth.first_row + index, row));
    this.facts = growth;
    this.revision += 1;
  }

  private renew(page: LogFacts): void {
    if (this.facts !== null && this.facts.version !== page.version) {
      this.rows.clear();
      this.facts = null;
    }
  }

  private evict(center: number): void {
    if (this.rows.size <= this.most) return;
    const near = this.most / 4;
    for (const place of this.rows.keys()) if (Math.abs(place - center) > near) this.rows.delete(place);
  }
}
