import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { SearchField } from "@/components/SearchField";
import { toast } from "@/components/Toasts";
import type { Drawing } from "./drawing";
import { pngOf, saveFile, svgOf } from "./picture";
import type { Options } from "./search";
import styles from "./Timeline.module.css";

interface ToolbarProps {
  options: Options;
  onChange: (change: Partial<Options>) => void;
  drawing: Drawing | null;
  /** Name of the run, for pictures of it. */
  title: string;
}

/** What is shown, in which order, and how close. */
export function Toolbar({ options, onChange, drawing, title }: ToolbarProps) {
  return (
    <div className={styles.toolbar} role="group" aria-label="Timeline">
      <SearchField
        label="Show only tasks of which the step, the id or the foreach value has this text"
        placeholder="Step, task or foreach value"
        value={options.text}
        onChange={(text) => onChange({ text })}
      />
      <label className={styles.choice}>
        Sort by
        <select
          value={options.sort}
          onChange={(event) => onChange({ sort: event.target.value === "duration" ? "duration" : "start" })}
        >
          <option value="start">start</option>
          <option value="duration">duration</option>
        </select>
      </label>
      <label className={styles.choice}>
        Axis
        <select
          value={options.clock ? "clock" : "relative"}
          onChange={(event) => onChange({ clock: event.target.value === "clock" })}
        >
          <option value="relative">since the start</option>
          <option value="clock">time of day</option>
        </select>
      </label>
      <Button
        aria-pressed={options.path}
        className={options.path ? styles.pressed : undefined}
        title="The chain of tasks that decided when the run ended"
        onClick={() => onChange({ path: !options.path })}
      >
        Critical path
      </Button>
      <span className={styles.zoom}>
        <Button label="Show more time" onClick={() => drawing?.zoom(1.5)}>
          −
        </Button>
        <Button label="Show less time" onClick={() => drawing?.zoom(1 / 1.5)}>
          +
        </Button>
        <Button label="Show all of the run" onClick={() => drawing?.show(null)}>
          Fit
        </Button>
      </span>
      <span className={styles.zoom}>
        <Button label="Save as an SVG picture" onClick={() => void save(drawing, title, "svg")}>
          <Icon name="download" size={14} /> SVG
        </Button>
        <Button label="Save as a PNG picture" onClick={() => void save(drawing, title, "png")}>
          <Icon name="download" size={14} /> PNG
        </Button>
      </span>
    </div>
  );
}

async function save(drawing: Drawing | null, title: string, kind: "png" | "svg"): Promise<void> {
  const scene = drawing?.scene() ?? null;
  if (scene === null) return;
  try {
    const blob = kind === "svg" ? svgOf(scene, title) : await pngOf(scene, title);
    saveFile(blob, `timeline-${title.replace(/[^\w.-]+/g, "-")}.${kind}`);
  } catch (error) {
    toast("failed", error instanceof Error ? error.message : String(error));
  }
}
