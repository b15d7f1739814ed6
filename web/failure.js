// What can go wrong between this page and the API, and what a person can do about it.

/**
 * kinds: unreachable (no answer), signed-out (401), refused (any other 4xx), busy (429, 503), broken (other 5xx),
 * unreadable (not what the API promises), unconfigured (config.json), insecure (no https), faulty (an error of ours).
 */
export class Failure extends Error {
  constructor(kind, { status = 0, title = "", detail = "", retryAfter = null, request = "" } = {}) {
    super(detail || title || kind);
    this.kind = kind;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.request = request;
  }

  /** Whether the same request may do better later. */
  get passes() {
    return ["unreachable", "busy", "broken", "unreadable"].includes(this.kind);
  }
}

/** `error` as a Failure; what is none is a fault of this page, which the console of the browser shows whole. */
export function asFailure(error) {
  if (error instanceof Failure) return error;
  console.error(error);
  return new Failure("faulty", { detail: String(error) });
}

/** The failure that an answer of the API is; RFC 9457 documents speak for themselves. */
export async function failureOf(answer) {
  const problem = await answer.json().catch(() => null);
  const said = problem !== null && typeof problem === "object" ? problem : {};
  return new Failure(kindOf(answer.status), {
    status: answer.status,
    title: line(said.title),
    detail: line(said.detail ?? said.message),
    retryAfter: retryAfter(answer.headers.get("Retry-After")),
    request: line(said.request_id ?? said.instance),
  });
}

function kindOf(status) {
  if (status === 401) return "signed-out";
  if (status === 429 || status === 503) return "busy";
  return status >= 500 ? "broken" : "refused";
}

const line = (value) => (typeof value === "string" ? value.slice(0, 600) : "");

/** Seconds, whichever way the header says it; nothing if it is missing or not readable across origins. */
function retryAfter(header) {
  if (!header) return null;
  const wait = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 3600) : null;
}
