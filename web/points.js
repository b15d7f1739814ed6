// What the page knows of recovery points: the newest answer about each, and which of them the list shows.

const ENDED = new Set(["verified", "partial", "failed"]);
const IN_ID = /-(\d{4})(\d{2})(\d{2})t(\d{2})(\d{2})z$/;

/** Whether nothing more will happen to the point. */
export const hasEnded = (point) => ENDED.has(point?.status);

/** When the point was meant to be taken: it is part of every id. */
export function scheduledAt(point) {
  if (point.scheduled_at) return point.scheduled_at;
  const found = IN_ID.exec(point.id);
  return found ? `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:00Z` : "";
}

export class Points {
  constructor() {
    this.known = new Map(); // id -> {point, asked}
    this.listed = new Set();
    this.cursor = null;
  }

  get(id) {
    return this.known.get(id)?.point;
  }

  /** Keep `point`, which was asked for at `asked`, unless a later question was answered first. */
  put(point, asked) {
    const before = this.known.get(point.id);
    if (before && before.asked > asked) return before.point;
    const now = { ...before?.point, ...point };
    this.known.set(point.id, { point: now, asked });
    return now;
  }

  /** Take in the newest page: what it should hold and doesn't is gone, apart from the `kept`. */
  refresh({ points, cursor }, asked, kept) {
    const oldest = points.length && cursor ? scheduledAt(points.at(-1)) : "";
    const older = [...this.listed].filter((id) => kept.has(id) || (oldest && scheduledAt(this.get(id)) < oldest));
    const paged = oldest && older.some((id) => !kept.has(id));
    this.listed = new Set(older);
    this.add({ points, cursor: paged ? this.cursor : cursor }, asked);
  }

  /** Take in an older page. */
  add({ points, cursor }, asked) {
    for (const point of points) this.list(point, asked);
    this.cursor = cursor;
  }

  list(point, asked) {
    this.listed.add(point.id);
    return this.put(point, asked);
  }

  /** Forget the list, for instance because another database's is wanted; what is known of each point stays. */
  clear() {
    this.listed.clear();
    this.cursor = null;
  }

  /** The list, newest first, of one database or of all. */
  newestFirst(database) {
    return [...this.listed]
      .map((id) => this.get(id))
      .filter((point) => !database || point.database === database)
      .sort((a, b) => scheduledAt(b).localeCompare(scheduledAt(a)) || a.id.localeCompare(b.id));
  }
}
