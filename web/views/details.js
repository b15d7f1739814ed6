// Everything that is known of one recovery point.
import { button, h } from "../dom.js";
import { duration, moment, number, time, utc, words } from "../format.js";
import { sign } from "../icons.js";
import { hasEnded, scheduledAt } from "../points.js";
import { explain, LEVELS } from "../words.js";
import { level, remedy, status } from "./status.js";
import { current, table, total } from "./timeline.js";

export function details({ id, point, failure, whole }, actions, now) {
  return [
    h(
      "div",
      { class: "details-head", key: "head" },
      h("h2", { id: "details-title" }, "Recovery point", h("span", { class: "details-id" }, id)),
      button({ class: "plain copy" }, () => actions.copy(id), actions.copied === id ? "Copied" : "Copy id"),
      button({ class: "plain close", "aria-label": "Close", autofocus: true }, actions.close, sign("close")),
    ),
    failure && trouble(failure, id, actions),
    point ? body(point, whole, now) : !failure && h("p", { class: "waiting", key: "waiting" }, "Asking the API …"),
  ];
}

function trouble(failure, id, actions) {
  const said = explain(failure);
  const missing = failure.status === 404;
  return h(
    "div",
    { class: "activity tone-warn", key: "trouble" },
    h("p", { class: "activity-title" }, missing ? "There is no such recovery point" : said.title),
    said.detail && h("p", { class: "said" }, said.detail),
    h("p", {}, missing ? "The address may be old or cut short. Close this to see what there is." : said.advice),
    !missing && remedy(failure, () => actions.reopen(id), actions),
  );
}

function body(point, whole, now) {
  const lasted = total(point, now);
  return h(
    "div",
    { class: "details-body", key: "body" },
    h("div", { class: "details-status" }, status(point.status), level(point.level)),
    !hasEnded(point) && h("p", { key: "now" }, current(point, now)),
    h(
      "dl",
      { class: "facts" },
      fact("Database", point.database),
      fact("Scheduled", both(scheduledAt(point))),
      point.taken_at && fact("Data as of", both(point.taken_at)),
      point.concluded_at && fact("Concluded", both(point.concluded_at)),
      lasted !== null && fact("Took", duration(lasted)),
    ),
    point.error && error(point.error),
    point.problems?.length ? problems(point) : null,
    point.stages?.length ? h("section", { class: "scroll", key: "stages" }, table(point, now)) : null,
    whole || point.levels
      ? levels(point.levels ?? [])
      : h("p", { class: "waiting", key: "levels" }, "Asking the API …"),
  );
}

const fact = (name, ...value) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, value));
const both = (iso) => [time(iso, moment(iso)), h("span", { class: "aside" }, utc(iso))];

function error({ name, cause }) {
  return h(
    "section",
    { class: "activity tone-bad", key: "error" },
    h("h3", {}, "Why it failed"),
    h("p", {}, cause),
    h("p", { class: "small" }, h("code", {}, name)),
  );
}

function problems({ problems: listed, problem_count: count }) {
  const more = (count ?? listed.length) - listed.length;
  return h(
    "section",
    { class: "problems", key: "problems" },
    h("h3", {}, "Why it is not verified"),
    h(
      "ul",
      {},
      listed.map(({ subject, reason, detail }) =>
        h(
          "li",
          {},
          h("p", {}, detail),
          h("p", { class: "small" }, h("code", {}, reason), " ", subject === "point" ? "of the whole point" : subject),
        ),
      ),
    ),
    more > 0 && h("p", { class: "small" }, `And ${number(more)} more, which the point's manifest in the vault lists.`),
  );
}

function levels(reached) {
  const by = new Map(reached.map((each) => [each.level, each]));
  return h(
    "section",
    { class: "levels", key: "levels" },
    h("h3", {}, "What was checked"),
    h(
      "ol",
      { start: "0" },
      LEVELS.map(([name, checked], index) => {
        const found = by.get(index);
        return h(
          "li",
          { key: name, class: found ? "reached" : "missing" },
          h(
            "p",
            { class: "level-title" },
            h("b", {}, `${index} ${name}`),
            found
              ? h("span", { class: "aside" }, "reached ", time(found.at))
              : h("span", { class: "aside" }, "not reached"),
          ),
          h("p", {}, checked),
          found?.facts && Object.keys(found.facts).length ? evidence(found.facts) : null,
        );
      }),
    ),
  );
}

function evidence(facts) {
  return h(
    "details",
    {},
    h("summary", {}, "Facts"),
    h(
      "dl",
      { class: "evidence" },
      Object.entries(facts).map(([name, value]) =>
        h("div", { key: name }, h("dt", {}, words(name)), h("dd", {}, shown(value))),
      ),
    ),
  );
}

function shown(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") return number(value);
  if (typeof value === "object") return h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
  const text = String(value);
  return /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? both(text) : text;
}
