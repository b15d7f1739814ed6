// The model of the page: what was asked, what was answered, what is being followed, and what went wrong.
// Views read it; every change calls `changed`.
import { asFailure } from "./failure.js";
import { hasEnded, Points } from "./points.js";
import { Poll } from "./polling.js";
import { explain } from "./words.js";

const FOLLOWING = "holdfast.following"; // in sessionStorage: {id: {database, since}}
const CALM = 30_000; // ms between two looks at everything
const BUSY = 10_000; // ms, while a point is being made
const PACE = { first: 1_500, factor: 1.4, last: 15_000 }; // ms between two looks at a point that is followed
const SETTLING = 60_000; // ms in which a point just asked for may still be unknown to parts of the API

export class Watch {
  constructor(api, { changed, announce }) {
    Object.assign(this, { api, changed, announce });
    this.databases = null; // not asked yet
    this.asOf = 0; // when `databases` was answered
    this.points = new Points();
    this.listing = false; // whether the list is about to change
    this.filter = "";
    this.more = "idle"; // or "loading", or a Failure
    this.trouble = null; // {failure, since, retryAt}
    this.following = restored();
    this.requests = new Map(); // database -> {state: "asking" | "refused" | "running" | "ended", …}
    this.opened = null; // {id, point?, failure?}
    this.pace = PACE.first;
    const onFailure = (failure, wait) => this.#failed(failure, wait);
    this.overview = new Poll(() => this.#look(), { onFailure });
    this.follower = new Poll(() => this.#follow(), { onFailure });
    for (const [id, { database }] of this.following) this.requests.set(database, { state: "running", id });
  }

  begin() {
    this.overview.now();
    if (this.following.size) this.follower.now();
  }

  /** Ask again now, whatever went wrong before. */
  again() {
    this.begin();
    if (this.opened?.failure) void this.open(this.opened.id);
  }

  stop() {
    this.overview.stop();
    this.follower.stop();
  }

  // ---- everything ----------------------------------------------------------------------------------------------------

  async #look() {
    const [asked, filter] = [Date.now(), this.filter];
    const [databases, page] = await Promise.all([this.api.databases(), this.api.points({ database: filter })]);
    this.#answered();
    this.databases = databases;
    this.asOf = Date.now();
    if (filter === this.filter) {
      this.listing = false;
      this.points.refresh(page, asked, new Set(this.following.keys()));
    }
    this.changed();
    const busy = databases.some(({ newest }) => newest && !hasEnded(newest)) || this.following.size;
    return busy ? BUSY : CALM;
  }

  /** Show the points of one database, or of all (""). */
  show(database) {
    if (database === this.filter) return;
    this.filter = database;
    this.more = "idle";
    this.listing = true;
    this.points.clear();
    this.overview.now();
    this.changed();
  }

  /** The next older page; answers the id of its first point. */
  async older() {
    const [filter, cursor, asked] = [this.filter, this.points.cursor, Date.now()];
    if (!cursor || this.more === "loading") return null;
    this.more = "loading";
    this.changed();
    try {
      const page = await this.api.points({ database: filter, cursor });
      if (filter !== this.filter) return null;
      this.points.add(page, asked);
      this.more = "idle";
      return page.points[0]?.id ?? null;
    } catch (error) {
      this.more = asFailure(error);
      return null;
    } finally {
      this.changed();
    }
  }

  // ---- trouble -------------------------------------------------------------------------------------------------------

  #failed(failure, wait) {
    const since = this.trouble?.since ?? Date.now();
    if (this.trouble?.failure.kind !== failure.kind) this.announce(explain(failure).title);
    this.trouble = { failure, since, retryAt: wait === null ? null : Date.now() + wait };
    this.changed();
  }

  #answered() {
    if (this.trouble) this.announce("The API answers again.");
    this.trouble = null;
    if (this.opened?.failure?.passes) void this.open(this.opened.id);
  }

  // ---- starting and following ----------------------------------------------------------------------------------------

  /** Ask for a recovery point. `key` is that of an attempt whose fate is unknown: with it nothing happens twice. */
  async start(database, key = crypto.randomUUID()) {
    if (this.requests.get(database)?.state === "asking") return;
    this.requests.set(database, { state: "asking" });
    this.changed();
    const asked = Date.now();
    try {
      const point = await this.api.start(database, key);
      if (!this.filter || this.filter === database) this.points.list(point, asked);
      else this.points.put(point, asked);
      this.requests.set(database, { state: "running", id: point.id });
      this.following.set(point.id, { database, since: asked });
      this.#keep();
      this.announce(`Recovery point of ${database} requested.`);
      this.pace = PACE.first;
      this.follower.now();
    } catch (error) {
      const failure = asFailure(error);
      const again = failure.passes ? key : undefined; // what was refused for good is another request next time
      this.requests.set(database, { state: "refused", failure, again });
      this.announce(`${database}: ${explain(failure, "start").title}`);
    }
    this.changed();
  }

  async #follow() {
    let changed = false;
    for (const id of this.#unfinished()) {
      const asked = Date.now();
      const before = summary(this.points.get(id));
      try {
        const point = this.points.put(await this.api.point(id), asked);
        if (this.opened?.id === id) this.opened.point = point;
        changed ||= summary(point) !== before;
        if (hasEnded(point)) this.#ended(point);
      } catch (error) {
        if (error.status !== 404) throw error;
        if (asked - (this.following.get(id)?.since ?? 0) > SETTLING) this.#lost(id, error);
      }
    }
    this.#answered();
    this.changed();
    if (!this.#unfinished().length) return null;
    this.pace = changed ? PACE.first : Math.min(this.pace * PACE.factor, PACE.last);
    return this.pace;
  }

  #unfinished() {
    const opened = this.opened?.point && !hasEnded(this.opened.point) ? [this.opened.id] : [];
    return [...new Set([...this.following.keys(), ...opened])];
  }

  #ended(point) {
    if (!this.following.delete(point.id)) return this.overview.now();
    this.#keep();
    this.requests.set(point.database, { state: "ended", id: point.id });
    this.announce(`Recovery point of ${point.database}: ${point.status}.`);
    this.overview.now();
  }

  #lost(id, failure) {
    const followed = this.following.get(id);
    this.following.delete(id);
    this.#keep();
    if (followed) this.requests.set(followed.database, { state: "refused", failure, lost: id });
  }

  #keep() {
    sessionStorage.setItem(FOLLOWING, JSON.stringify(Object.fromEntries(this.following)));
  }

  // ---- one point -----------------------------------------------------------------------------------------------------

  /** Have the details of a point, and follow it while it is being made; `null`: of none. */
  async open(id) {
    this.opened = id === null ? null : { id, point: this.points.get(id) };
    this.changed();
    if (id === null) return;
    const [asked, opened] = [Date.now(), this.opened];
    try {
      opened.point = this.points.put(await this.api.point(id), asked);
      opened.whole = true;
      delete opened.failure;
      if (!hasEnded(opened.point)) this.follower.now();
    } catch (error) {
      opened.failure = asFailure(error);
    }
    this.changed();
  }
}

/** What of a point counts as change: seconds pass anyway. */
const summary = (point) =>
  JSON.stringify([point?.status, point?.level, (point?.stages ?? []).map(({ state }) => state)]);

function restored() {
  try {
    return new Map(Object.entries(JSON.parse(sessionStorage.getItem(FOLLOWING)) ?? {}));
  } catch {
    return new Map();
  }
}
