import type { ReactNode } from "react";
import type { ShownValue } from "@/api/schema";
import { ScrollRegion } from "@/components/ScrollRegion";
import { Untrusted } from "@/components/Untrusted";
import { formatBytes } from "@/format/numbers";
import styles from "./ValueTable.module.css";

interface ValueTableProps<V extends ShownValue> {
  label: string;
  values: readonly V[];
  /** What is said beside a value. */
  note?: (value: V) => ReactNode;
}

/** Names and values, as their manifests describe them. */
export function ValueTable<V extends ShownValue>({ label, values, note }: ValueTableProps<V>) {
  return (
    <ScrollRegion label={label} className={styles.scroll}>
      <table className={styles.table}>
        <thead className="visually-hidden">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
            <th scope="col">Type</th>
          </tr>
        </thead>
        <tbody>
          {values.map((value) => {
            const said = note?.(value);
            return (
              <tr key={value.name}>
                <th scope="row">
                  <Untrusted text={value.name} />
                </th>
                <td>
                  <code className={styles.value}>
                    <Untrusted text={value.text} />
                  </code>
                  {said !== undefined && <small className={styles.note}>{said}</small>}
                </td>
                <td className={styles.type} title={`${value.type}, ${formatBytes(value.size)}, ${value.hash}`}>
                  <Untrusted text={value.type.slice(value.type.lastIndexOf(".") + 1)} />
                  {!value.is_scalar && <small>{formatBytes(value.size)}</small>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
