// Recovery points, newest first.
import { button, h, unseen } from "../dom.js";
import { duration, time } from "../format.js";
import { hasEnded, scheduledAt } from "../points.js";
import { explain } from "../words.js";
import { address, level, status, tone } from "./status.js";
import { bar, current, total } from "./timeline.js";

export function list(watch, actions, now) {
  const points = watch.points.newestFirst(watch.filter);
  return h(
    "section",
    { class: "points", "aria-labelledby": "points-title", key: "points" },
    h("div", { class: "section-head" }, h("h2", { id: "points-title" }, "Recovery points"), filter(watch, actions)),
    points.length
      ? h(
          "ol",
          { class: "point-list" },
          points.map((point) => row(watch, point, now)),
        )
      : nothing(watch),
    older(watch, actions),
  );
}

function filter({ filter: chosen, databases }, { show }) {
  const ids = [...new Set([...databases.map(({ id }) => id), ...(chosen ? [chosen] : [])])].sort();
  return h(
    "label",
    { class: "filter" },
    h("span", {}, "Database"),
    h(
      "select",
      { value: chosen, on: { change: (event) => show(event.target.value) } },
      h("option", { value: "" }, "All"),
      ids.map((id) => h("option", { value: id, key: id }, id)),
    ),
  );
}

function nothing({ filter: chosen, listing }) {
  if (listing) return h("p", { class: "none waiting" }, "Asking the API …");
  return h(
    "p",
    { class: "none" },
    chosen
      ? `There is no recovery point of ${chosen} yet.`
      : "There is no recovery point yet. The next run makes the first; or start one now.",
  );
}

function row(watch, point, now) {
  const lasted = total(point, now);
  return h(
    "li",
    { key: point.id, class: `point tone-${tone(point.status)}` },
    h(
      "div",
      { class: "point-head" },
      h(
        "a",
        { class: "point-link", id: `point-${point.id}`, href: address(point.id, watch.filter) },
        h("span", { class: "point-database" }, point.database),
        " ",
        time(scheduledAt(point)),
      ),
      h("span", { class: "point-facts" }, status(point.status), hasEnded(point) && level(point.level)),
    ),
    h(
      "div",
      { class: "point-line" },
      point.stages?.length ? bar(point, now) : h("div", { class: "stages", "aria-hidden": "true" }),
      h("span", { class: "point-took" }, lasted === null ? "" : [unseen("took "), duration(lasted)]),
    ),
    summary(point, now),
  );
}

/** One line where there is something to say. */
function summary(point, now) {
  if (!hasEnded(point)) return h("p", { class: "point-note" }, current(point, now));
  if (point.error) return h("p", { class: "point-note" }, point.error.cause || point.error.name);
  if (!point.problem_count) return null;
  return h(
    "p",
    { class: "point-note" },
    point.problem_count === 1 ? "1 problem" : `${point.problem_count} problems`,
    point.problems?.[0] ? `: ${point.problems[0].detail}` : "",
  );
}

function older({ more, points }, actions) {
  if (!points.cursor) return null;
  const loading = more === "loading";
  const failed = typeof more === "object" && explain(more);
  return h(
    "div",
    { class: "older", key: "older" },
    failed && h("p", { class: "said" }, `${failed.title}. ${failed.advice}`),
    button(
      { class: "button quiet", "aria-disabled": loading ? "true" : null },
      actions.older,
      loading ? "Asking …" : "Show older",
    ),
  );
}
