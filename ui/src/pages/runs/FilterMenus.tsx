import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Facets } from "@/api/schema";
import { Popover } from "@/components/Popover";
import { StatusBadge } from "@/components/StatusBadge";
import { Untrusted } from "@/components/Untrusted";
import { formatCount } from "@/format/numbers";
import { STATUSES, toggled, type Filters, type NameKind } from "./filters";
import styles from "./FilterMenus.module.css";
import { facetsQuery } from "./queries";
import { useDelayed } from "./useDelayed";

interface MenuProps {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

/** Choose states. */
export function StatusMenu({ filters, onChange }: MenuProps) {
  const facets = useQuery(facetsQuery(""));
  const counts = new Map(facets.data?.statuses.names.map(({ name, runs }) => [name, runs]));
  return (
    <Popover label="Status" title="Filter by status" isActive={filters.status.length > 0}>
      {() => (
        <ul className={styles.choices}>
          {STATUSES.map((status) => (
            <li key={status}>
              <label className={styles.choice}>
                <input
                  type="checkbox"
                  checked={filters.status.includes(status)}
                  onChange={() => onChange(toggled(filters, "status", status))}
                />
                <StatusBadge status={status} />
                <span className={styles.count}>{formatCount(counts.get(status) ?? 0)}</span>
              </label>
            </li>
          ))}
        </ul>
      )}
    </Popover>
  );
}

type NameFacet = "flows" | "users" | "tags" | "projects" | "branches";

interface NameMenuProps extends MenuProps {
  kind: NameKind;
  facet: NameFacet;
  title: string;
}

/** Choose names of one kind; nothing where there are none. */
export function NameMenu({ kind, facet, title, filters, onChange }: NameMenuProps) {
  const facets = useQuery(facetsQuery(""));
  const isActive = filters[kind].length > 0;
  if (!isActive && facets.data !== undefined && facets.data[facet].names.length === 0) return null;
  return (
    <Popover label={title} title={`Filter by ${title.toLowerCase()}`} isActive={isActive}>
      {() => <Names kind={kind} facet={facet} title={title} filters={filters} onChange={onChange} />}
    </Popover>
  );
}

function Names({ kind, facet, title, filters, onChange }: NameMenuProps) {
  const [text, setText] = useState("");
  const facets = useQuery(facetsQuery(useDelayed(text, 150)));
  const found = facets.data?.[facet];
  const shown = namesShown(filters[kind], text, found);
  const id = useId();
  return (
    <>
      <input
        type="search"
        className={styles.find}
        aria-label={`Find a ${title.toLowerCase()}`}
        placeholder={`Find a ${title.toLowerCase()}`}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <ul className={styles.choices} aria-labelledby={id}>
        {shown.map(({ name, runs }) => (
          <li key={name}>
            <label className={styles.choice}>
              <input
                type="checkbox"
                checked={filters[kind].includes(name)}
                onChange={() => onChange(toggled(filters, kind, name))}
              />
              <Untrusted text={name} className={styles.name} />
              {runs !== null && <span className={styles.count}>{formatCount(runs)}</span>}
            </label>
          </li>
        ))}
      </ul>
      <p id={id} className={styles.more}>
        {shown.length === 0 && facets.isSuccess
          ? "None is called so."
          : found?.more === true
            ? "Type to find others."
            : ""}
      </p>
    </>
  );
}

/** What is chosen comes first, even if it is not among those that were found. */
function namesShown(chosen: readonly string[], text: string, found: Facets[NameFacet] | undefined) {
  const counts = new Map(found?.names.map(({ name, runs }) => [name, runs]));
  const first = chosen
    .filter((name) => name.toLowerCase().includes(text.toLowerCase()))
    .map((name) => ({ name, runs: counts.get(name) ?? null }));
  return [...first, ...(found?.names ?? []).filter(({ name }) => !chosen.includes(name))];
}
