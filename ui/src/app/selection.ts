/** What is selected on the page of a run, in all of its views: a step, one of its tasks, an attempt of that. */
export interface Selection {
  step: string;
  taskId?: string | undefined;
  attempt?: number | undefined;
}

export interface RunViewProps {
  flow: string;
  runId: string;
  selection: Selection | null;
  /** Select something else, or nothing; the address follows. */
  onSelect: (selection: Selection | null) => void;
}
