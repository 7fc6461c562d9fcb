import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState, type SyntheticEvent } from "react";
import { api, ApiError, body } from "@/api/client";
import { appQuery } from "@/api/queries";
import { parseSearch, type Search } from "@/app/search";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Icon } from "@/components/Icon";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import { viewsQuery } from "./queries";
import styles from "./ViewTabs.module.css";
import { isShown, storeView, storedViews, usualViews, viewText, type View } from "./views";

/** Views of the list: those that every app has, and those that people saved. */
export function ViewTabs({ search }: { search: Search }) {
  const queries = useQueryClient();
  const app = useQuery(appQuery);
  const saved = useQuery(viewsQuery);
  const [stored, setStored] = useState(storedViews);
  const [isSaving, setSaving] = useState(false);
  const views: View[] = [
    ...usualViews(app.data?.user ?? ""),
    ...(saved.data ?? []).map((view): View => ({ name: view.name, search: parseSearch(view.search), place: "app" })),
    ...stored,
  ];
  const shown = views.find((view) => isShown(view, search));
  const remove = async (view: View) => {
    if (view.place === "browser") {
      storeView(view.name, null);
      setStored(storedViews());
      return;
    }
    await api.DELETE("/api/v1/views", { params: { query: { name: view.name } } });
    await queries.invalidateQueries(viewsQuery);
  };
  const save = async (name: string, isShared: boolean, replace: boolean) => {
    if (isShared) {
      body(await api.POST("/api/v1/views", { body: { name, search: viewText(search), replace } }));
      await queries.invalidateQueries(viewsQuery);
    } else {
      if (!replace && stored.some((view) => view.name === name)) {
        throw new ApiError(409, NAME_TAKEN, `This browser has a view called “${name}” already. Choose another name.`);
      }
      storeView(name, viewText(search));
      setStored(storedViews());
    }
    setSaving(false);
  };
  return (
    <nav aria-label="Views" className={styles.views}>
      <ul className={styles.list}>
        {views.map((view, index) => (
          <li key={`${view.place ?? "usual"} ${view.name} ${index}`} className={view === shown ? styles.shown : ""}>
            <Link
              to="/"
              search={view.search}
              aria-current={view === shown ? "page" : undefined}
              className={styles.view}
            >
              <Untrusted text={view.name} />
            </Link>
            {view === shown && view.place !== null && (
              <Button
                kind="quiet"
                label={`Delete the view ${view.name}`}
                onClick={() => void remove(view).catch((error: unknown) => toast("failed", messageOf(error)))}
              >
                <Icon name="close" size={12} />
              </Button>
            )}
          </li>
        ))}
      </ul>
      {shown === undefined && (
        <Button kind="quiet" onClick={() => setSaving(true)}>
          <Icon name="star" size={14} />
          Save view
        </Button>
      )}
      {isSaving && <SaveDialog canShare={app.data?.can_act === true} onSave={save} onClose={() => setSaving(false)} />}
    </nav>
  );
}

/** What a refusal is called if there is a view of that name. */
const NAME_TAKEN = "exists";

interface SaveDialogProps {
  canShare: boolean;
  onSave: (name: string, isShared: boolean, replace: boolean) => Promise<void>;
  onClose: () => void;
}

function SaveDialog({ canShare, onSave, onClose }: SaveDialogProps) {
  const [name, setName] = useState("");
  const [isShared, setShared] = useState(canShare);
  const [problem, setProblem] = useState("");
  const [taken, setTaken] = useState<string | null>(null);
  const id = useId();
  const wanted = name.trim();
  const isTaken = taken === wanted;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (wanted === "") return;
    onSave(wanted, isShared, isTaken).catch((error: unknown) => {
      setProblem(messageOf(error));
      setTaken(error instanceof ApiError && error.kind === NAME_TAKEN ? wanted : null);
    });
  };
  const share = (isForAll: boolean) => {
    setShared(isForAll);
    setTaken(null);
  };
  return (
    <Dialog
      title="Save this view"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" form={id} disabled={wanted === ""}>
            {isTaken ? "Replace it" : "Save"}
          </Button>
        </>
      }
    >
      <form id={id} className={styles.form} onSubmit={submit}>
        <label className={styles.name}>
          Name
          <input value={name} maxLength={100} autoComplete="off" onChange={(event) => setName(event.target.value)} />
        </label>
        {canShare && (
          <label className={styles.share}>
            <input type="checkbox" checked={isShared} onChange={(event) => share(event.target.checked)} />
            For everybody who uses this app
          </label>
        )}
        {!isShared && <p className={styles.note}>It is kept in this browser.</p>}
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      </form>
    </Dialog>
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
