import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/Button";
import { Popover } from "@/components/Popover";
import { Untrusted } from "@/components/Untrusted";
import { BUILT_IN_COLUMNS, DEFAULT_COLUMNS } from "./columns";
import styles from "./FilterMenus.module.css";
import { facetsQuery } from "./queries";
import { useDelayed } from "./useDelayed";

interface ColumnPickerProps {
  ids: readonly string[];
  onChange: (ids: readonly string[]) => void;
}

/** Choose the columns: what all runs have, parameters, and artifacts of last steps. */
export function ColumnPicker({ ids, onChange }: ColumnPickerProps) {
  return (
    <Popover label="Columns" title="Choose columns" align="end">
      {() => <Choices ids={ids} onChange={onChange} />}
    </Popover>
  );
}

function Choices({ ids, onChange }: ColumnPickerProps) {
  const [text, setText] = useState("");
  const facets = useQuery(facetsQuery(useDelayed(text, 150)));
  const toggle = (id: string) => {
    if (!ids.includes(id)) onChange(inOrder([...ids, id]));
    else if (ids.length > 1) onChange(ids.filter((each) => each !== id));
  };
  const fits = (title: string) => title.toLowerCase().includes(text.toLowerCase());
  const valuesOf = (kind: "parameter" | "artifact", names: readonly string[]) => {
    const chosen = ids.filter((id) => id.startsWith(`${kind}:`)).map((id) => id.slice(kind.length + 1));
    return [...chosen.filter(fits), ...names.filter((name) => !chosen.includes(name))].map((name) => ({
      id: `${kind}:${name}`,
      title: name,
    }));
  };
  const groups = [
    { title: "Of every run", columns: BUILT_IN_COLUMNS.filter((column) => fits(column.title)) },
    { title: "Parameters", columns: valuesOf("parameter", facets.data?.parameters.names ?? []) },
    { title: "Artifacts of the last step", columns: valuesOf("artifact", facets.data?.artifacts.names ?? []) },
  ];
  return (
    <>
      <input
        type="search"
        className={styles.find}
        aria-label="Find a column"
        placeholder="Find a parameter or metric"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {groups.map(
        ({ title, columns }) =>
          columns.length > 0 && (
            <fieldset key={title} className={styles.group}>
              <legend className={styles.heading}>{title}</legend>
              {columns.map((column) => (
                <label key={column.id} className={styles.choice}>
                  <input type="checkbox" checked={ids.includes(column.id)} onChange={() => toggle(column.id)} />
                  <Untrusted text={column.title} className={styles.name} />
                </label>
              ))}
            </fieldset>
          ),
      )}
      {(facets.data?.parameters.more === true || facets.data?.artifacts.more === true) && (
        <p className={styles.more}>Type to find others.</p>
      )}
      <Button kind="quiet" onClick={() => onChange(DEFAULT_COLUMNS)}>
        Usual columns
      </Button>
    </>
  );
}

/** Columns that all runs have stand in their usual order, values behind them as they were chosen. */
function inOrder(ids: readonly string[]): string[] {
  const builtIn = BUILT_IN_COLUMNS.map((column) => column.id);
  return [...builtIn.filter((id) => ids.includes(id)), ...ids.filter((id) => !builtIn.includes(id))];
}
