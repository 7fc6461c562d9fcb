import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import type { StartForm } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Tag } from "@/components/Tag";
import { Untrusted } from "@/components/Untrusted";
import { visible } from "@/format/untrusted";
import { Field } from "./Field";
import type { ConfigChoice, Filled } from "./form";
import { knownTagsQuery } from "./queries";
import { TagInput } from "./TagInput";
import styles from "./HowItRuns.module.css";

interface PartProps {
  form: StartForm;
  filled: Filled;
  onChange: (filled: Filled) => void;
}

/** What is the same for all flows: tags, decorators, how many tasks at a time; and the flow's configs. */
export function HowItRuns({ form, filled, onChange }: PartProps) {
  return (
    <details className={styles.details}>
      <summary className={styles.summary}>
        <Icon name="right" size={14} />
        <h2>How it runs</h2>
        <span className={styles.muted}>{summary(form)}</span>
      </summary>
      <div className={styles.body}>
        <Tags form={form} filled={filled} onChange={onChange} />
        {form.options.map((field) => (
          <Field
            key={field.name}
            field={field}
            typed={filled.options[field.name]}
            directory={form.directory}
            showProblem={false}
            onChange={(typed) => onChange({ ...filled, options: { ...filled.options, [field.name]: typed } })}
          />
        ))}
        {form.configs.map((name) => (
          <Config
            key={name}
            name={name}
            choice={filled.configs[name] ?? { kind: "default", text: "" }}
            onChange={(choice) => onChange({ ...filled, configs: { ...filled.configs, [name]: choice } })}
          />
        ))}
        <Line
          label="Tasks at a time"
          help="16 on this machine, if nothing is given."
          numeric
          value={filled.maxWorkers}
          onChange={(maxWorkers) => onChange({ ...filled, maxWorkers })}
        />
        <Decorators form={form} filled={filled} onChange={onChange} />
        <Line
          label="Namespace"
          help="Where steps look for runs, instead of your own."
          value={filled.namespace}
          onChange={(namespace) => onChange({ ...filled, namespace })}
        />
      </div>
    </details>
  );
}

function summary(form: StartForm): string {
  const parts = [
    "tags",
    ...(form.options.length > 0 ? ["branch"] : []),
    ...(form.configs.length > 0 ? ["configs"] : []),
  ];
  return `${parts.join(", ")}, decorators, tasks at a time`;
}

function Tags({ form, filled, onChange }: PartProps) {
  const known = useQuery(knownTagsQuery(form.flow)).data?.tags ?? [];
  return (
    <div className={styles.field}>
      <TagInput
        label="Tags"
        known={known.filter((tag) => !filled.tags.includes(tag))}
        onAdd={(tag) => onChange({ ...filled, tags: [...new Set([...filled.tags, tag])] })}
      />
      {filled.tags.length > 0 && (
        <ul className={styles.tags} aria-label="Tags of the run">
          {filled.tags.map((tag) => (
            <li key={tag}>
              <Tag text={tag}>
                <Button
                  kind="quiet"
                  label={`Remove the tag ${visible(tag)}`}
                  onClick={() => onChange({ ...filled, tags: filled.tags.filter((each) => each !== tag) })}
                >
                  <Icon name="close" size={12} />
                </Button>
              </Tag>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Decorators({ form, filled, onChange }: PartProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>Decorators for every step</label>
      <textarea
        id={id}
        className={`${styles.input} ${styles.mono}`}
        rows={2}
        spellCheck={false}
        placeholder="retry:times=3"
        aria-describedby={`${id}-help`}
        value={filled.decorators}
        onChange={(event) => onChange({ ...filled, decorators: event.target.value })}
      />
      <p id={`${id}-help`} className={styles.muted}>
        One a line. There are: <Untrusted text={form.decorators.join(", ")} />.
      </p>
    </div>
  );
}

function Config({
  name,
  choice,
  onChange,
}: {
  name: string;
  choice: ConfigChoice;
  onChange: (choice: ConfigChoice) => void;
}) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>
        Config <Untrusted text={name} />
      </label>
      <select
        id={id}
        className={styles.input}
        value={choice.kind}
        onChange={(event) => onChange({ ...choice, kind: event.target.value as ConfigChoice["kind"] })}
      >
        <option value="default">as the flow declares it</option>
        <option value="path">from a file</option>
        <option value="value">as text, such as JSON</option>
      </select>
      {choice.kind !== "default" && (
        <textarea
          className={`${styles.input} ${styles.mono}`}
          aria-label={`${choice.kind === "path" ? "File" : "Text"} of the config ${visible(name)}`}
          rows={choice.kind === "path" ? 1 : 3}
          spellCheck={false}
          value={choice.text}
          onChange={(event) => onChange({ ...choice, text: event.target.value })}
        />
      )}
    </div>
  );
}

function Line({
  label,
  help,
  numeric = false,
  value,
  onChange,
}: {
  label: string;
  help: string;
  numeric?: boolean;
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={styles.input}
        inputMode={numeric ? "numeric" : "text"}
        autoComplete="off"
        aria-describedby={`${id}-help`}
        value={value}
        onChange={(event) => onChange(numeric ? event.target.value.replace(/\D/g, "") : event.target.value)}
      />
      <p id={`${id}-help`} className={styles.muted}>
        {help}
      </p>
    </div>
  );
}
