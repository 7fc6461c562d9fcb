import createClient, { type Client, type Middleware } from "openapi-fetch";
import { setClock } from "@/app/clock";
import { readJson } from "@/format/json";
import type { paths } from "./schema";

/** What the server said when it refused, or why it could not be asked. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether asking again may help: the server was away or busy. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Marks requests as made by our own pages: pages of others cannot send this header. */
export const PAGE_HEADER = { "X-Metaflow-Page": "1" };

const refusals: Middleware = {
  async onResponse({ response }) {
    setClock(response.headers.get("Date"));
    if (!response.ok) throw await refusal(response);
    return undefined;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return new ApiError(0, "unreachable", "The server does not answer. It may have ended, or the network is down.");
  },
};

/** The error that an answer stands for. */
export async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = isRefusal(body) ? body.error : { kind: "http", message: `The server answered ${response.status}.` };
  return new ApiError(response.status, error.kind, error.message);
}

function isRefusal(body: unknown): body is { error: { kind: string; message: string } } {
  return typeof body === "object" && body !== null && "error" in body && typeof body.error === "object";
}

const client = createClient<paths>({ baseUrl: window.location.origin, headers: PAGE_HEADER });
client.use(refusals);

type Call = (path: string, wish?: { parseAs?: string }) => Promise<{ data?: unknown }>;

/** A method of the client whose answers are read as `readJson` reads, unless they are wanted as something else. */
function exact<Method>(method: Method): Method {
  const call = method as Call;
  const read: Call = async (path, wish) => {
    if (wish?.parseAs !== undefined) return call(path, wish);
    const { data, ...answer } = await call(path, { ...wish, parseAs: "text" });
    return typeof data === "string" && data !== "" ? { ...answer, data: readJson(data) } : answer;
  };
  return read as Method;
}

/**
 * The server's interface, typed by its OpenAPI document. Whatever is refused throws an ApiError.
 *
 * @example
 * const { data } = await api.GET("/api/v1/run", { params: { query: { flow, run_id: runId } }, signal });
 */
export const api: Pick<Client<paths>, "GET" | "POST" | "DELETE"> = {
  GET: exact(client.GET),
  POST: exact(client.POST),
  DELETE: exact(client.DELETE),
};

/** The body of an answer that has one. */
export function body<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new ApiError(0, "empty", "The server gave an empty answer.");
  return answer.data;
}
