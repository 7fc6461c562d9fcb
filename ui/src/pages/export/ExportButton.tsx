import { useRef, useState } from "react";
import { ApiError, api } from "@/api/client";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Icon } from "@/components/Icon";
import { usePageActions } from "@/components/pageActions";
import { fileName, save } from "@/components/picture";
import { toast } from "@/components/Toasts";
import styles from "./ExportButton.module.css";

interface ExportButtonProps {
  flow: string;
  runId: string;
}

/** Makes a single HTML file of a run, to be sent to someone. */
export function ExportButton({ flow, runId }: ExportButtonProps) {
  const [isOpen, setOpen] = useState(false);
  usePageActions([{ label: "Export the run", note: "as a single HTML file", run: () => setOpen(true) }]);
  return (
    <>
      <Button onClick={() => setOpen(true)} title="The run as a single HTML file">
        <Icon name="download" /> Export
      </Button>
      {isOpen && <ExportDialog flow={flow} runId={runId} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ flow, runId, onClose }: ExportButtonProps & { onClose: () => void }) {
  const [logs, setLogs] = useState(true);
  const [cards, setCards] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const asking = useRef<AbortController | null>(null);
  const close = () => {
    asking.current?.abort();
    onClose();
  };
  const download = async () => {
    const controller = new AbortController();
    asking.current = controller;
    setBusy(true);
    setProblem(null);
    try {
      const { data } = await api.GET("/api/v1/run/export", {
        params: { query: { flow, run_id: runId, logs, cards } },
        parseAs: "blob",
        signal: controller.signal,
      });
      if (data === undefined) throw new ApiError(0, "empty", "The server gave an empty answer.");
      save(`${fileName(`${flow}-${runId}`)}.html`, data);
      toast("done", "The file of the run is among your downloads.");
      onClose();
    } catch (error) {
      if (controller.signal.aborted) return;
      setBusy(false);
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Dialog
      title="Export this run"
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button kind="primary" disabled={isBusy} onClick={() => void download()}>
            {isBusy ? "Making the file…" : problem === null ? "Download" : "Try again"}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        <p>
          One HTML file that opens anywhere, also offline. Whoever gets it can read the parameters, the previews of
          artifacts and the source lines in it.
        </p>
        <Choice label="The last lines of logs" checked={logs} onChange={setLogs} />
        <Choice label="Cards" checked={cards} onChange={setCards} />
        <p role="status" className={styles.problem}>
          {problem !== null && (
            <>
              <Icon name="warning" /> {problem}
            </>
          )}
        </p>
      </div>
    </Dialog>
  );
}

function Choice(props: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className={styles.choice}>
      <input type="checkbox" checked={props.checked} onChange={(event) => props.onChange(event.target.checked)} />
      {props.label}
    </label>
  );
}
