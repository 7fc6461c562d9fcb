import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { Shell } from "@/app/Shell";
import { parseSearch, stringifySearch, type Search } from "@/app/search";
import { NotFound } from "@/app/NotFound";
import { fetchedPart } from "@/components/fetchedPart";
import { ErrorState, Skeleton } from "@/components/States";

// Everything in an address's search is plain text, several values of one name a list of texts; each page reads its own
// names with the functions of its search.ts.
const validateSearch = (search: Record<string, unknown>): Search => search as Search;

const root = createRootRoute({ component: Shell, validateSearch });

const runs = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: fetchedPart(async () => (await import("@/pages/runs/RunsPage")).RunsPage),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$flow/$runId",
  component: fetchedPart(async () => (await import("@/pages/run/RunPage")).RunPage),
});

const task = createRoute({
  getParentRoute: () => root,
  path: "/runs/$flow/$runId/tasks/$step/$taskId",
  component: fetchedPart(async () => (await import("@/pages/task/TaskPage")).TaskPage),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  component: fetchedPart(async () => (await import("@/pages/compare/ComparePage")).ComparePage),
});

const flow = createRoute({
  getParentRoute: () => root,
  path: "/flows/$flow",
  component: fetchedPart(async () => (await import("@/pages/compare/FlowPage")).FlowPage),
});

const start = createRoute({
  getParentRoute: () => root,
  path: "/start",
  component: fetchedPart(async () => (await import("@/pages/actions/StartPage")).StartPage),
});

const startFlow = createRoute({
  getParentRoute: () => root,
  path: "/start/$flow",
  component: fetchedPart(async () => (await import("@/pages/actions/StartFlowPage")).StartFlowPage),
});

const activity = createRoute({
  getParentRoute: () => root,
  path: "/activity",
  component: fetchedPart(async () => (await import("@/pages/actions/ActivityPage")).ActivityPage),
});

export const router = createRouter({
  routeTree: root.addChildren([runs, run, task, compare, flow, start, startFlow, activity]),
  basepath: "/ui",
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultNotFoundComponent: NotFound,
  defaultPendingComponent: () => <Skeleton lines={6} />,
  defaultErrorComponent: ({ error, reset }) => <ErrorState error={error} onRetry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
