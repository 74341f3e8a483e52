import createClient, { type Client } from "openapi-fetch";
import { loadMessages, sayText } from "@/i18n/serverText";
import type { Lang } from "@/lib/format";
import { formatJson, parseJson } from "@/lib/json";
import type { components, paths } from "./schema";

type Problem = components["schemas"]["Problem"];

/** An answer of the server that is not the one we asked for. The id is also in the server's log. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string,
    readonly errorId: string,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  static async from(response: Response): Promise<ApiError> {
    let problem: Partial<Problem> = {};
    try {
      problem = (await response.clone().json()) as Problem;
    } catch {
      // Not a problem document: a proxy in between, or a server that is starting.
    }
    // The server speaks English and says what its messages are made from.
    const lang = document.documentElement.lang as Lang;
    const messages = problem.detail_text ? await loadMessages(lang).catch(() => ({})) : {};
    const detail = problem.detail_text && sayText(problem.detail_text, messages);
    const hint = problem.hint_text && sayText(problem.hint_text, messages);
    const retry = Number(response.headers.get("Retry-After"));
    return new ApiError(
      response.status,
      detail ?? problem.detail ?? problem.title ?? `HTTP ${response.status} ${response.statusText}`.trim(),
      hint ?? problem.hint ?? "",
      problem.error_id ?? response.headers.get("X-Request-Id") ?? "",
      Number.isFinite(retry) && retry > 0 ? retry : null,
    );
  }
}

/** The server could not be reached at all. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}

/** Called when a session has ended; the router sets it so that this file needs not know about pages. */
let onSignedOut: () => void = () => {};
export function setOnSignedOut(fn: () => void): void {
  onSignedOut = fn;
}

const client = createClient<paths>({
  baseUrl: "",
  credentials: "same-origin",
  bodySerializer: (body: unknown) =>
    body instanceof FormData || body instanceof Blob ? body : formatJson(body),
});

client.use({
  async onResponse({ response, schemaPath }) {
    if (response.ok) return;
    if (response.status === 401 && schemaPath !== "/api/v1/session") onSignedOut();
    throw await ApiError.from(response);
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return error instanceof TypeError ? new NetworkError(error.message) : (error as Error);
  },
});

/** Answers are read with all their digits (lib/json): an integer that a number cannot hold is a bigint. */
function exact(of: Client<paths>): Client<paths> {
  type Call = (path: string, init?: object) => Promise<{ data?: unknown }>;
  const wrap = (call: unknown): Call => {
    return async (path, init) => {
      const answer = await (call as Call)(path, { ...init, parseAs: "text" });
      return typeof answer.data === "string"
        ? { ...answer, data: answer.data === "" ? undefined : parseJson(answer.data) }
        : answer;
    };
  };
  const methods = ["GET", "PUT", "POST", "PATCH", "DELETE"] as const;
  return { ...of, ...Object.fromEntries(methods.map((m) => [m, wrap(of[m])])) } as Client<paths>;
}
export const api = exact(client);

/** Gives the data of an answer; errors were thrown by the middleware above. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** One key per attempt of the user: a retry of the same write is done once. */
export function idempotencyKey(): { "Idempotency-Key": string } {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return { "Idempotency-Key": Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("") };
}
