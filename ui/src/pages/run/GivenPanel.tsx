import type { RunDetails, ShownConfig, ShownParameter } from "@/api/schema";
import { Panel } from "@/components/Panel";
import { Untrusted } from "@/components/Untrusted";
import { DataTree } from "./DataTree";
import styles from "./GivenPanel.module.css";
import { ValueTable } from "./ValueTable";

/** What the run was given: parameters, configs, and the constants of its flow. */
export function GivenPanel({ details }: { details: RunDetails }) {
  const { parameters, configs, constants } = details;
  return (
    <>
      {parameters.length > 0 && (
        <Panel title="Parameters">
          <ul className={styles.parameters}>
            {parameters.map((parameter) => (
              <Parameter key={parameter.name} parameter={parameter} />
            ))}
          </ul>
        </Panel>
      )}
      {configs.length > 0 && (
        <Panel title="Configs">
          {configs.map((config) => (
            <Config key={config.name} config={config} />
          ))}
        </Panel>
      )}
      {constants.length > 0 && (
        <Panel title="Constants">
          <ValueTable label="Constants" values={constants} />
        </Panel>
      )}
    </>
  );
}

function Parameter({ parameter }: { parameter: ShownParameter }) {
  const isChanged = parameter.is_default === false;
  return (
    <li className={`${styles.parameter} ${isChanged ? styles.changed : ""}`}>
      <span className={styles.name} title={parameter.help ?? undefined}>
        <Untrusted text={parameter.name} />
        <small>
          <Untrusted text={parameter.declared_type ?? parameter.type} />
        </small>
      </span>
      <span className={styles.value}>
        <code>
          <Untrusted text={parameter.text} />
        </code>
        <small>{noteOn(parameter)}</small>
      </span>
    </li>
  );
}

function noteOn(parameter: ShownParameter) {
  if (parameter.is_default === true) return "default";
  if (parameter.default_is_computed) return "default: computed when a run starts";
  if (parameter.default === null) return parameter.required ? "required" : null;
  return (
    <>
      {parameter.is_default === false ? "changed, default: " : "default: "}
      <Untrusted text={parameter.default} />
    </>
  );
}

function Config({ config }: { config: ShownConfig }) {
  return (
    <section className={styles.config} aria-label={`Config ${config.name}`}>
      <h3>
        <Untrusted text={config.name} />
        {config.source !== null && (
          <small className={styles.source}>
            {config.path === null ? "given as a value" : <Untrusted text={config.path} />}
          </small>
        )}
      </h3>
      {config.has_tree ? (
        <DataTree data={config.tree} />
      ) : (
        <code className={styles.preview}>
          <Untrusted text={config.text} />
        </code>
      )}
    </section>
  );
}
