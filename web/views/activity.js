// What goes on with a database, in its tile: a run and its end, or why none could be started.
import { h, unseen } from "../dom.js";
import { duration, time } from "../format.js";
import { hasEnded, scheduledAt } from "../points.js";
import { explain, TONE } from "../words.js";
import { address, remedy, status, tone } from "./status.js";
import { bar, current, total } from "./timeline.js";

/** What goes on: a request under way, a refusal, a run, its end. */
export function activity(watch, database, actions, now) {
  const request = watch.requests.get(database.id);
  if (request?.state === "refused") return refusal(request, database, actions);
  const running = database.newest && !hasEnded(database.newest) ? database.newest : null;
  const id = request?.state === "running" ? request.id : (running?.id ?? request?.id);
  const point = id ? (watch.points.get(id) ?? { id, status: running?.status ?? "requested" }) : null;
  if (!point || (hasEnded(point) && request?.id !== id)) return null;
  const ended = hasEnded(point);
  const lasted = total(point, now);
  return h(
    "div",
    { class: `activity tone-${tone(point.status)}`, key: "activity" },
    h(
      "p",
      { class: "activity-title" },
      status(point.status),
      h("a", { href: address(point.id, watch.filter) }, time(scheduledAt(point)) ?? point.id),
      ended && lasted !== null && h("span", { class: "aside" }, `in ${duration(lasted)}`),
    ),
    !ended && h("p", { class: "activity-now" }, current(point, now)),
    point.stages?.length ? bar(point, now) : null,
  );
}

function refusal({ failure, again, lost }, database, actions) {
  const said = explain(failure, lost ? "read" : "start");
  return h(
    "div",
    { class: `activity tone-${failure.passes ? TONE.at_risk : TONE.failed}`, key: "refusal" },
    h("p", { class: "activity-title" }, lost ? "Its run can't be found" : said.title),
    said.detail && h("p", { class: "said" }, said.detail),
    h("p", {}, said.advice),
    (again || failure.kind === "signed-out") &&
      remedy(failure, () => actions.start(database.id, again), actions, ` to start a recovery point of ${database.id}`),
  );
}
