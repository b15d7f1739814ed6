// The API, as far as this page needs it. Every method throws a Failure.
import { Failure, failureOf } from "./failure.js";

const PATIENCE = 20_000; // ms for one answer; a function behind the gateway has 29 s, but nobody waits that long here

export class Api {
  /** `token()` gives an access token, and another than the one that it is told was refused. */
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  /** Every protected database with its status. */
  async databases() {
    const { databases } = await this.#ask("GET", "/databases");
    return listed(databases);
  }

  /** A page of recovery points, newest first: `{points, cursor}`. */
  async points({ database = "", cursor = "", limit = 20 } = {}) {
    const query = new URLSearchParams({ limit, ...(database && { database }), ...(cursor && { cursor }) });
    const page = await this.#ask("GET", `/recovery-points?${query}`);
    return { points: listed(page.recovery_points), cursor: page.next_cursor || null };
  }

  async point(id) {
    return this.#ask("GET", `/recovery-points/${encodeURIComponent(id)}`);
  }

  /** Ask for a recovery point; the same `key` again asks for nothing more. Answers the point, at least its id. */
  async start(database, key) {
    const { body, location } = await this.#send("POST", "/recovery-points", { database }, { "Idempotency-Key": key });
    const id = body.id ?? decodeURIComponent(location?.split("/").pop() ?? "");
    if (!id) throw new Failure("unreadable", { detail: "The answer does not name the recovery point." });
    return { status: "requested", database, stages: [], ...body, id };
  }

  async #ask(method, path) {
    return (await this.#send(method, path)).body;
  }

  async #send(method, path, body, headers = {}) {
    const token = await this.token();
    let answer = await this.#once(method, path, body, headers, token);
    if (answer.status === 401) answer = await this.#once(method, path, body, headers, await this.token(token));
    if (!answer.ok) throw await failureOf(answer);
    const found = await answer.json().catch(() => null);
    if (found === null || typeof found !== "object") throw new Failure("unreadable", { status: answer.status });
    return { body: found, location: answer.headers.get("Location") };
  }

  async #once(method, path, body, headers, token) {
    try {
      return await fetch(this.base + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }), ...headers },
        body: body && JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (error) {
      const slow = error?.name === "TimeoutError";
      throw new Failure("unreachable", { detail: slow ? `No answer within ${PATIENCE / 1000} seconds.` : "" });
    }
  }
}

function listed(found) {
  if (!Array.isArray(found)) throw new Failure("unreadable");
  return found;
}
