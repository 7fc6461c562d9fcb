import { useId, useState } from "react";
import type { FormField } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Untrusted } from "@/components/Untrusted";
import { visible } from "@/format/untrusted";
import { problemOf, shownDefault, tidyJson, typedValue, type Typed } from "./form";
import styles from "./Field.module.css";

interface FieldProps {
  field: FormField;
  /** What was typed; undefined as long as the default stands. */
  typed: Typed | undefined;
  /** Where files are looked for. */
  directory: string;
  /** Whether to say what is wrong before anything was typed. */
  showProblem: boolean;
  onChange: (typed: Typed | undefined) => void;
}

/** JSON of more characters is offered to be written over several lines. */
const LONG_JSON = 40;

const KIND_WORDS: Record<FormField["kind"], string> = {
  text: "text",
  integer: "whole number",
  number: "number",
  boolean: "yes or no",
  json: "JSON",
  choice: "choice",
  path: "file",
  other: "text",
};

/** A parameter to fill in: a control of its type, its default, what it is for, and what is wrong with it. */
export function Field({ field, typed, directory, showProblem, onChange }: FieldProps) {
  const [isTouched, setTouched] = useState(false);
  const id = useId();
  const problem = problemOf(field, typed);
  const shownProblem = (isTouched || showProblem) && problem !== null ? problem : null;
  const change = (next: Typed | undefined) => onChange(typedValue(field, next));
  const described = [field.help === "" ? null : `${id}-help`, shownProblem === null ? null : `${id}-problem`];
  const common: ControlProps = {
    field,
    typed,
    onChange: change,
    attributes: {
      id,
      "aria-invalid": shownProblem !== null,
      "aria-required": field.required,
      "aria-describedby": described.filter((each) => each !== null).join(" ") || undefined,
      onBlur: () => setTouched(true),
    },
  };
  return (
    <div className={styles.field}>
      <div className={styles.title}>
        <label htmlFor={id} className={styles.label}>
          <Untrusted text={field.name} />
        </label>
        {field.required && <span className={styles.required}>required</span>}
        <span className={styles.kind}>{kindText(field, directory)}</span>
        {typed !== undefined && !field.required && (
          <Button
            kind="quiet"
            className={styles.reset}
            label={`Set ${visible(field.name)} back to its default`}
            onClick={() => onChange(undefined)}
          >
            <Icon name="repeat" size={12} />
            Default
          </Button>
        )}
      </div>
      <Control {...common} />
      {field.help !== "" && (
        <p id={`${id}-help`} className={styles.help}>
          <Untrusted text={field.help} />
        </p>
      )}
      {shownProblem !== null && (
        <p id={`${id}-problem`} className={styles.problem}>
          <Icon name="warning" size={12} /> {shownProblem}
        </p>
      )}
    </div>
  );
}

function kindText(field: FormField, directory: string): string {
  const kind = field.kind === "path" ? `file in ${visible(directory)}` : KIND_WORDS[field.kind];
  if (field.separator !== null) return `list, separated by “${visible(field.separator)}”`;
  return field.multiple ? `${kind}, one or more` : kind;
}

interface ControlProps {
  field: FormField;
  typed: Typed | undefined;
  onChange: (typed: Typed | undefined) => void;
  attributes: {
    id: string;
    "aria-invalid": boolean;
    "aria-required": boolean;
    "aria-describedby": string | undefined;
    onBlur: () => void;
  };
}

function Control(props: ControlProps) {
  const { field } = props;
  if (field.multiple) return <SeveralControl {...props} />;
  if (field.kind === "boolean") return <BooleanControl {...props} />;
  if (field.kind === "choice" && field.choices !== null) return <ChoiceControl {...props} />;
  if (field.kind === "json") return <JsonControl {...props} />;
  return <TextControl {...props} />;
}

function text(typed: Typed | undefined, field: FormField): string {
  const shown = typed ?? shownDefault(field);
  return typeof shown === "string" ? shown : "";
}

function placeholder(field: FormField): string | undefined {
  if (field.default === null || field.default.is_value) return undefined;
  return field.default.text === "<computed>" ? "computed when the run starts" : visible(field.default.text);
}

function TextControl({ field, typed, onChange, attributes }: ControlProps) {
  const isLine = field.kind !== "text" && field.kind !== "other";
  const value = text(typed, field);
  if (isLine)
    return (
      <input
        {...attributes}
        className={styles.input}
        inputMode={field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : "text"}
        spellCheck={false}
        autoComplete="off"
        placeholder={placeholder(field)}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  return (
    <textarea
      {...attributes}
      className={styles.area}
      rows={1}
      spellCheck={false}
      placeholder={placeholder(field)}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

function JsonControl({ field, typed, onChange, attributes }: ControlProps) {
  const value = text(typed, field);
  return (
    <>
      <textarea
        {...attributes}
        className={`${styles.area} ${styles.mono}`}
        rows={3}
        spellCheck={false}
        placeholder={placeholder(field)}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      {value.length > LONG_JSON && tidyJson(value) !== value && (
        <div>
          <Button kind="quiet" onClick={() => onChange(tidyJson(value))}>
            Tidy up
          </Button>
        </div>
      )}
    </>
  );
}

function BooleanControl({ field, typed, onChange, attributes }: ControlProps) {
  const shown = typed ?? shownDefault(field);
  if (field.default?.is_value !== true) {
    const value = typeof typed === "boolean" ? String(typed) : "";
    return (
      <select
        {...attributes}
        className={styles.input}
        value={value}
        onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value === "true")}
      >
        <option value="">{field.required ? "Choose" : (placeholder(field) ?? "not given")}</option>
        <option value="true">Yes</option>
        <option value="false">No</option>
      </select>
    );
  }
  return (
    <span className={styles.check}>
      <input
        {...attributes}
        type="checkbox"
        checked={shown === true}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span aria-hidden="true">{shown === true ? "Yes" : "No"}</span>
    </span>
  );
}

function ChoiceControl({ field, typed, onChange, attributes }: ControlProps) {
  const value = text(typed, field);
  const isOpen = field.default?.is_value !== true;
  return (
    <select
      {...attributes}
      className={styles.input}
      value={value}
      onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)}
    >
      {isOpen && <option value="">{field.required ? "Choose" : (placeholder(field) ?? "not given")}</option>}
      {!isOpen && field.choices?.includes(value) !== true && <option value={value}>{visible(value)}</option>}
      {field.choices?.map((choice) => (
        <option key={choice} value={choice}>
          {visible(choice)}
        </option>
      ))}
    </select>
  );
}

/** An option that may be repeated: a line for each value. */
function SeveralControl({ typed, onChange, attributes }: ControlProps) {
  const values = Array.isArray(typed) ? typed : [];
  return (
    <textarea
      {...attributes}
      className={`${styles.area} ${styles.mono}`}
      rows={2}
      spellCheck={false}
      placeholder="one value a line"
      value={values.join("\n")}
      onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value.split("\n"))}
    />
  );
}
