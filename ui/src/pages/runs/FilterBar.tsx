import type { RefObject } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { chipsOf, type Filters } from "./filters";
import { NameMenu, StatusMenu } from "./FilterMenus";
import styles from "./FilterBar.module.css";
import type { KnownNames } from "./language";
import { SearchField } from "./SearchField";
import { TimeMenu } from "./TimeMenu";
import { ValueMenu } from "./ValueMenu";

interface FilterBarProps {
  filters: Filters;
  known: KnownNames;
  onChange: (filters: Filters, isTyping?: boolean) => void;
  field: RefObject<HTMLInputElement | null>;
}

/** All that narrows the list down: by typing, by choosing, and as chips that go at a click. */
export function FilterBar({ filters, known, onChange, field }: FilterBarProps) {
  const chips = chipsOf(filters);
  const last = chips.at(-1);
  return (
    <div className={styles.bar} role="search">
      <div className={styles.line}>
        <SearchField
          filters={filters}
          known={known}
          onChange={onChange}
          onRemoveLast={() => last !== undefined && onChange(last.without)}
          field={field}
        />
        <div className={styles.menus}>
          <StatusMenu filters={filters} onChange={onChange} />
          <NameMenu kind="flow" facet="flows" title="Flow" filters={filters} onChange={onChange} />
          <NameMenu kind="user" facet="users" title="User" filters={filters} onChange={onChange} />
          <NameMenu kind="tag" facet="tags" title="Tag" filters={filters} onChange={onChange} />
          <NameMenu kind="project" facet="projects" title="Project" filters={filters} onChange={onChange} />
          <NameMenu kind="branch" facet="branches" title="Branch" filters={filters} onChange={onChange} />
          <TimeMenu filters={filters} onChange={onChange} />
          <ValueMenu filters={filters} onChange={onChange} />
        </div>
      </div>
      {chips.length > 0 && (
        <ul className={styles.chips} aria-label="Filters">
          {chips.map((chip) => (
            <li key={chip.key} className={styles.chip}>
              <span className={styles.kind}>{chip.label}</span>
              <Untrusted text={chip.value} className={styles.value} />
              <button
                type="button"
                className={styles.remove}
                aria-label={`Remove the filter ${chip.label} ${chip.value}`}
                onClick={(event) => {
                  onChange(chip.without);
                  // The button is gone then; who used the keyboard goes on from the field.
                  if (event.detail === 0) field.current?.focus();
                }}
              >
                <Icon name="close" size={12} />
              </button>
            </li>
          ))}
          {chips.length > 1 && (
            <li>
              <Button kind="quiet" className={styles.clear} onClick={() => onChange(clearedOf(filters))}>
                Clear all
              </Button>
            </li>
          )}
        </ul>
      )}
    </div>
  );
}

function clearedOf(filters: Filters): Filters {
  let left = filters;
  for (let chip = chipsOf(left).at(-1); chip !== undefined; chip = chipsOf(left).at(-1)) left = chip.without;
  return left;
}
