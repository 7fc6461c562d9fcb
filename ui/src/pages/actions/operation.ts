import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, api, body } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { ActionOperation } from "@/api/schema";
import { toast } from "@/components/Toasts";

const LOOK_MILLISECONDS = 400;
const MOST_FAILURES = 20;

/** Look how far an operation is until it has ended; gives a function that stops looking. */
export function follow(
  operation: ActionOperation,
  onChange: (operation: ActionOperation) => void,
  onLost: (error: unknown) => void,
): () => void {
  let stopped = false;
  let failures = 0;
  let timer: number | undefined;
  const look = async () => {
    try {
      const now = body(await api.GET("/api/v1/actions/operation", { params: { query: { id: operation.id } } }));
      if (stopped) return;
      failures = 0;
      onChange(now);
      if (now.state !== "going") return;
    } catch (error) {
      if (stopped) return;
      failures += 1;
      const mayPass = error instanceof ApiError && error.isPassing && failures < MOST_FAILURES;
      if (!mayPass) {
        onLost(error);
        return;
      }
    }
    timer = window.setTimeout(() => void look(), LOOK_MILLISECONDS);
  };
  timer = window.setTimeout(() => void look(), LOOK_MILLISECONDS);
  return () => {
    stopped = true;
    window.clearTimeout(timer);
  };
}

/** What is said when somebody goes on to other things before an operation has ended. */
function tellAtTheEnd(operation: ActionOperation): void {
  if (operation.state !== "going") return;
  follow(
    operation,
    (now) => {
      if (now.state === "going") return;
      toast(now.state, now.message);
      refresh(now);
    },
    (error) => toast("failed", messageOf(error)),
  );
}

/** Have everything read again that an operation may have changed. */
export function refresh(operation: Pick<ActionOperation, "runs" | "action">): void {
  // Of runs that are gone there is nothing to be read.
  if (operation.action !== "delete")
    for (const run of operation.runs) void queryClient.invalidateQueries({ queryKey: ["run", run.flow, run.run_id] });
  void queryClient.invalidateQueries({ queryKey: ["runs"] });
  void queryClient.invalidateQueries({ queryKey: ["actions"] });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export interface Doing {
  /** What goes on or has ended; null before it was asked for. */
  operation: ActionOperation | null;
  /** Why it could not be asked for. */
  error: string | null;
  /** Whether it was asked for, and has not ended. */
  isGoing: boolean;
  ask: (request: () => Promise<{ data?: ActionOperation }>) => void;
  /** Forget it, so that something else can be asked for. */
  reset: () => void;
}

/** Ask for something that takes its time, and follow it; if the component goes, the end is told in passing. */
export function useOperation(onEnd?: (operation: ActionOperation) => void): Doing {
  const [operation, setOperation] = useState<ActionOperation | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isAsked, setAsked] = useState(false);
  const ended = useRef(onEnd);
  const latest = useRef<ActionOperation | null>(null);
  const stop = useRef<(() => void) | null>(null);
  const gone = useRef(false);
  useEffect(() => {
    ended.current = onEnd;
  });
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      stop.current?.();
      if (latest.current !== null && latest.current.action !== "preview") tellAtTheEnd(latest.current);
    };
  }, []);
  const take = useCallback((now: ActionOperation) => {
    latest.current = now;
    setOperation(now);
    if (now.state === "going") return;
    if (now.action !== "preview") refresh(now);
    ended.current?.(now);
  }, []);
  const ask = useCallback(
    (request: () => Promise<{ data?: ActionOperation }>) => {
      setAsked(true);
      setError(null);
      request()
        .then((answer) => {
          const now = body(answer);
          if (gone.current) {
            if (now.action !== "preview") tellAtTheEnd(now);
            return;
          }
          take(now);
          if (now.state === "going") stop.current = follow(now, take, (lost) => setError(messageOf(lost)));
        })
        .catch((refused: unknown) => setError(messageOf(refused)));
    },
    [take],
  );
  const reset = useCallback(() => {
    stop.current?.();
    latest.current = null;
    setAsked(false);
    setError(null);
    setOperation(null);
  }, []);
  const isGoing = isAsked && error === null && (operation === null || operation.state === "going");
  return { operation, error, isGoing, ask, reset };
}

/** What makes two requests the same wish: the server does it once. */
export function newRequestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
