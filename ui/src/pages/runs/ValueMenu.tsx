import { useQuery } from "@tanstack/react-query";
import { useId, useState, type SyntheticEvent } from "react";
import { Button } from "@/components/Button";
import { Popover } from "@/components/Popover";
import { OPERATORS, type Filters, type Operator, type ValueKind } from "./filters";
import styles from "./FilterMenus.module.css";
import { scalarOf } from "./language";
import { facetsQuery } from "./queries";

interface ValueMenuProps {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

/** Say what a parameter, or an artifact of the last step, must be. */
export function ValueMenu({ filters, onChange }: ValueMenuProps) {
  return (
    <Popover label="Value" title="Filter by parameter or metric" isActive={filters.where.length > 0}>
      {(close) => (
        <ValueForm
          onAdd={(kind, name, operator, text) => {
            onChange({ ...filters, where: [...filters.where, { kind, name, operator, operand: scalarOf(text) }] });
            close();
          }}
        />
      )}
    </Popover>
  );
}

interface ValueFormProps {
  onAdd: (kind: ValueKind, name: string, operator: Operator, text: string) => void;
}

function ValueForm({ onAdd }: ValueFormProps) {
  const [kind, setKind] = useState<ValueKind>("parameter");
  const [name, setName] = useState("");
  const [operator, setOperator] = useState<Operator>(">=");
  const [text, setText] = useState("");
  const facets = useQuery(facetsQuery("", 200));
  const names = (kind === "parameter" ? facets.data?.parameters.names : facets.data?.artifacts.names) ?? [];
  const list = useId();
  const isReady = name.trim() !== "" && text.trim() !== "";
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (isReady) onAdd(kind, name.trim(), operator, text.trim());
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <div className={styles.fields}>
        <label className={styles.labelled}>
          Of
          <select className={styles.field} value={kind} onChange={(event) => setKind(event.target.value as ValueKind)}>
            <option value="parameter">parameter</option>
            <option value="artifact">artifact of the last step</option>
          </select>
        </label>
        <label className={styles.labelled}>
          Name
          <input
            className={styles.field}
            list={list}
            data-first
            value={name}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <datalist id={list}>
          {names.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      </div>
      <div className={styles.fields}>
        <label className={styles.labelled}>
          Is
          <select
            className={styles.field}
            value={operator}
            onChange={(event) => setOperator(event.target.value as Operator)}
          >
            {OPERATORS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className={styles.labelled}>
          Value
          <input
            className={styles.field}
            value={text}
            autoComplete="off"
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <Button type="submit" kind="primary" disabled={!isReady}>
          Add
        </Button>
      </div>
    </form>
  );
}
