// Is everything protected? One sentence, then a tile per database, the worst first.
import { button, h, unseen } from "../dom.js";
import { clockParts, duration, relative, time } from "../format.js";
import { hasEnded } from "../points.js";
import { activity } from "./activity.js";
import { address, level, status, tone } from "./status.js";

const MANY = 60; // tiles; more of them on demand
const SEVERITY = ["unprotected", "at_risk", "protected", "gone"];

/** What a database's protection is now: the API's word, grown older by what has passed since. */
function judged(database, asOf, now) {
  const { recovery_point_age_seconds: age, rpo_objective_seconds: objective } = database;
  const grown = age === null ? null : age + Math.max(0, now - asOf) / 1000;
  const over = grown !== null && grown > objective;
  return { ...database, age: grown, now: database.present === false ? "gone" : over ? "unprotected" : database.status };
}

export function judgedAll({ databases, asOf }, now) {
  return databases
    .map((database) => judged(database, asOf, now))
    .sort((a, b) => SEVERITY.indexOf(a.now) - SEVERITY.indexOf(b.now) || a.id.localeCompare(b.id));
}

/** `{tone, title, detail}` of all databases together. */
export function verdict(databases) {
  const there = databases.filter((database) => database.now !== "gone");
  const of = (name) => there.filter((database) => database.now === name);
  const [bad, warn] = [of("unprotected"), of("at_risk")];
  const some = (list, what) =>
    `${list.length === 1 ? `${list[0].id} is` : `${list.length} of ${there.length} databases are`} ${what}`;
  if (bad.length) return { tone: "bad", title: some(bad, "unprotected"), detail: reason(bad) };
  if (warn.length) return { tone: "warn", title: some(warn, "at risk"), detail: risk(warn) };
  if (!there.length)
    return {
      tone: "quiet",
      title: "No database is there any more",
      detail: "The recovery points of those that were are listed below.",
    };
  if (there.length === 1)
    return {
      tone: "good",
      title: `${there[0].id} is protected`,
      detail: "Its newest verified point is younger than its objective.",
    };
  const all = there.length === 2 ? "Both databases are protected" : `All ${there.length} databases are protected`;
  return { tone: "good", title: all, detail: "Each has a verified point that is younger than its objective." };
}

function reason(bad) {
  if (bad.length > 1) return "Their newest verified points are older than the objective, or there are none.";
  return bad[0].age === null
    ? "It has no verified point yet."
    : "Its newest verified point is older than the objective.";
}

/** The API's rule: the newest run did not end well, or none begins before the objective is missed. */
function risk(warn) {
  const bad = warn.filter(({ newest }) => newest && hasEnded(newest) && newest.status !== "verified");
  if (warn.length > 1)
    return "Their newest runs did not end well, or their next ones begin too late for the objective.";
  return bad.length
    ? "Its newest run did not end well: see why below."
    : "Its next run begins too late for the objective: start one now.";
}

export function tiles(watch, databases, actions, now, { all, showAll }) {
  const shown = all ? databases : databases.slice(0, MANY);
  return [
    h("h2", { class: "unseen", key: "tiles-title" }, "Databases"),
    h(
      "ul",
      { class: "tiles", key: "tiles" },
      shown.map((database) => tile(watch, database, actions, now)),
    ),
    shown.length < databases.length &&
      button({ class: "button quiet", key: "all" }, showAll, `Show all ${databases.length} databases`),
  ];
}

function tile(watch, database, actions, now) {
  const id = `database-${database.id}`;
  return h(
    "li",
    { key: database.id },
    h(
      "article",
      { class: `tile tone-${tone(database.now)}`, "aria-labelledby": id },
      h("div", { class: "tile-head" }, h("h3", { id }, database.id), status(database.now)),
      database.now === "gone" ? gone() : clock(database),
      facts(watch, database, now),
      activity(watch, database, actions, now),
      database.now !== "gone" && start(watch, database, actions),
    ),
  );
}

const gone = () =>
  h("p", { class: "tile-note" }, "It bears no tag any more, or was deleted. Its recovery points stay.");

function clock({ age, rpo_objective_seconds: objective }) {
  if (age === null) {
    return h(
      "div",
      { class: "clock" },
      h("p", { class: "clock-label" }, "Restoring now"),
      h("p", { class: "clock-none" }, "No verified point yet"),
      gauge(1),
      h("p", { class: "clock-rest" }, `The objective is ${duration(objective)}`),
    );
  }
  const rest = objective - age;
  return h(
    "div",
    { class: "clock" },
    h("p", { class: "clock-label" }, "Restoring now would lose the last"),
    h(
      "p",
      { class: "clock-time", role: "timer" },
      clockParts(age).map(([value, unit]) =>
        h("span", { class: `part part-${unit}` }, value, h("span", { class: "unit" }, ` ${unit} `)),
      ),
    ),
    gauge(age / objective),
    h(
      "p",
      { class: "clock-rest" },
      `The objective is ${duration(objective)}: `,
      rest >= 0 ? `${duration(rest)} left` : `missed by ${duration(-rest)}`,
    ),
  );
}

const gauge = (share) =>
  h(
    "div",
    { class: "gauge", "aria-hidden": "true" },
    h("span", { class: "gauge-fill", vars: { "--share": Math.min(share, 1).toFixed(4) } }),
  );

function facts(watch, { last_verified: last, newest, next_run: next }, now) {
  const other = newest && newest.id !== last?.id && hasEnded(newest) && newest;
  return h(
    "dl",
    { class: "facts" },
    h(
      "div",
      {},
      h("dt", {}, "Last verified"),
      h(
        "dd",
        {},
        last ? [h("a", { href: address(last.id, watch.filter) }, time(last.taken_at)), level(last.level)] : "never",
      ),
    ),
    other &&
      h(
        "div",
        { key: "newest" },
        h("dt", {}, "Newest run"),
        h(
          "dd",
          {},
          status(other.status),
          h("a", { href: address(other.id, watch.filter) }, other.status === "verified" ? "Details" : "See why"),
        ),
      ),
    next &&
      h(
        "div",
        { key: "next" },
        h("dt", {}, "Next run"),
        h("dd", {}, time(next), h("span", { class: "aside" }, relative(next, now))),
      ),
  );
}

function start(watch, { id, now: protection }, actions) {
  const asking = watch.requests.get(id)?.state === "asking";
  const look = protection === "protected" ? "button quiet start" : "button start"; // loud where it is needed
  return button(
    { class: look, key: "start", "aria-disabled": asking ? "true" : null },
    () => actions.start(id),
    asking ? "Asking …" : "Start a recovery point",
    unseen(` of ${id}`),
  );
}
