import { useEffect, useState, type ComponentType, type FunctionComponent } from "react";
import { Button } from "./Button";
import { EmptyState, Skeleton } from "./States";

const LOOK_MILLISECONDS = 1_000;
const LOADED_ANEW = "metaflow-loaded-anew";
/** A page that was loaded anew so short a time ago, and lacks something again, would not be better the next time. */
const AGAIN_MILLISECONDS = 15_000;

/** A part of the app that is fetched when it is first shown, or before. */
export interface FetchedPart {
  /** Fetch it; never rejects. */
  preload: () => Promise<void>;
  /** Whether it could not be fetched; then it cannot be until the page is loaded anew. */
  hasFailed: () => boolean;
}

/**
 * A component that is fetched when it is first shown. If it cannot be, that is said in its place: the server is away, or
 * is of another version by now. Then the page is loaded anew once the server answers, as browsers and what they have
 * of a part remember that a file could not be had; its address holds the view.
 */
export function fetchedPart<P extends object>(
  load: () => Promise<ComponentType<P>>,
): FunctionComponent<P> & FetchedPart {
  let Fetched: ComponentType<P> | undefined;
  let failed = false;
  let fetching: Promise<void> | undefined;
  const preload = () =>
    (fetching ??= load().then(
      (found) => {
        Fetched = found;
      },
      () => {
        failed = true;
      },
    ));
  const stateNow = () => (failed ? "failed" : Fetched === undefined ? "fetching" : "there");

  function Part(props: P) {
    const [state, setState] = useState(stateNow);
    useEffect(() => {
      let isShown = true;
      void preload().then(() => {
        if (isShown) setState(stateNow());
      });
      return () => {
        isShown = false;
      };
    }, []);
    if (Fetched !== undefined) return <Fetched {...props} />;
    return state === "failed" ? <NotFetched /> : <Skeleton lines={8} />;
  }
  return Object.assign(Part, { preload, hasFailed: () => failed });
}

/** Says that a part of the app is missing, and loads the page anew as soon as that can help. */
function NotFetched() {
  const [isHopeless, setHopeless] = useState(wasLoadedAnew);
  useEffect(() => {
    if (isHopeless) return undefined;
    const timer = window.setInterval(() => {
      fetch("/healthz", { cache: "no-store" }).then(
        ({ ok }) => {
          if (!ok) return;
          window.clearInterval(timer);
          if (wasLoadedAnew()) setHopeless(true);
          else loadAnew();
        },
        () => undefined, // it is still away
      );
    }, LOOK_MILLISECONDS);
    return () => window.clearInterval(timer);
  }, [isHopeless]);
  return (
    <EmptyState icon="warning" title="This part of the app could not be loaded">
      <p role="status">
        {isHopeless
          ? "The server does not have it."
          : "The server does not answer. As soon as it does, the page is loaded again."}
      </p>
      <Button onClick={loadAnew}>Load the page again</Button>
    </EmptyState>
  );
}

function wasLoadedAnew(): boolean {
  return Date.now() - Number(sessionStorage.getItem(LOADED_ANEW) ?? 0) < AGAIN_MILLISECONDS;
}

function loadAnew(): void {
  sessionStorage.setItem(LOADED_ANEW, String(Date.now()));
  window.location.reload();
}
