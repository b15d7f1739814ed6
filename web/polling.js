// Asking again and again without being a burden: slower while nothing changes, slower still while it fails, not at all
// while nobody looks, and at once when somebody does again.
import { asFailure } from "./failure.js";

const FIRST_RETRY = 2_000; // ms
const LAST_RETRY = 60_000; // ms

export class Poll {
  /** `work()` does one round and answers how many ms the next may wait; `null`: there is nothing left to ask. */
  constructor(work, { onFailure = () => {} } = {}) {
    this.work = work;
    this.onFailure = onFailure;
    this.timer = 0;
    this.failures = 0;
    this.busy = false;
    this.again = false;
    this.wanted = false;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#sleep() : this.#wake()));
    addEventListener("online", () => this.#wake());
  }

  /** Ask now; a round that is under way is followed by another. */
  now() {
    this.wanted = true;
    this.failures = 0;
    clearTimeout(this.timer);
    if (this.busy) this.again = true;
    else void this.#round();
  }

  stop() {
    this.wanted = false;
    clearTimeout(this.timer);
  }

  #sleep() {
    clearTimeout(this.timer);
  }

  #wake() {
    if (this.wanted && !document.hidden) this.now();
  }

  async #round() {
    this.busy = true;
    this.again = false;
    let wait;
    try {
      wait = await this.work();
      this.failures = 0;
    } catch (error) {
      const failure = asFailure(error);
      wait = retryIn(this.failures++, failure);
      this.onFailure(failure, wait);
    }
    this.busy = false;
    if (wait === null) this.wanted = this.again;
    if (!this.wanted) return;
    if (this.again) void this.#round();
    else if (!document.hidden) this.timer = setTimeout(() => void this.#round(), wait);
  }
}

/** 2, 4, 8 … 60 s, of which up to a quarter is left to chance, so that a hundred consoles don't come back as one. */
function retryIn(failures, { passes, retryAfter }) {
  if (!passes) return null;
  const wait = Math.max(Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY), (retryAfter ?? 0) * 1000);
  return wait * (1 - Math.random() / 4) + (retryAfter ? wait / 4 : 0);
}
