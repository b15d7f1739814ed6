// The stages of a recovery point: a bar in proportion to what they took, and the same as a table.
import { h, unseen } from "../dom.js";
import { duration, seconds, time, words } from "../format.js";
import { STAGES, STATES } from "../words.js";

const BEGUN = new Set(["waiting", "running", "succeeded", "failed"]);
const LIVE = new Set(["waiting", "running"]);

/** Seconds that a stage took, or has been taking. */
function took(stage, now) {
  if (stage.begun_at && LIVE.has(stage.state)) return Math.max(0, now / 1000 - seconds(stage.begun_at));
  if (typeof stage.seconds === "number") return stage.seconds;
  return stage.begun_at && stage.ended_at ? Math.max(0, seconds(stage.ended_at) - seconds(stage.begun_at)) : 0;
}

export const stageName = ({ name }) => STAGES[name]?.[0] ?? words(name);
const stateName = ({ state }) => STATES[state] ?? words(state);

/** The stage that is under way, in words: `Exporting every table, 3 min 2 s`. */
export function current(point, now) {
  const stage = (point?.stages ?? []).find(({ state }) => LIVE.has(state));
  if (!stage) return point?.status === "requested" ? "Requested; it begins in a moment" : "Under way";
  const doing =
    stage.state === "waiting"
      ? `${stageName(stage)}: waiting for a slot of an AWS quota`
      : (STAGES[stage.name]?.[1] ?? stageName(stage));
  return `${doing}, ${duration(took(stage, now))}`;
}

/** Seconds from the first stage's beginning to the last one's end; nothing if none has begun. */
export function total(point, now) {
  const stages = (point.stages ?? []).filter(({ begun_at: begun }) => begun);
  if (!stages.length) return null;
  const ends = stages.map((stage) => seconds(stage.begun_at) + took(stage, now));
  return Math.max(...ends) - Math.min(...stages.map(({ begun_at: begun }) => seconds(begun)));
}

/** A list that looks like a bar. */
export function bar(point, now) {
  const stages = point.stages ?? [];
  return h(
    "ol",
    { class: "stages", "aria-label": "Stages" },
    stages.map((stage) => {
      const lasted = BEGUN.has(stage.state) ? took(stage, now) : 0;
      const said = lasted ? `${stateName(stage).toLowerCase()}, ${duration(lasted)}` : stateName(stage).toLowerCase();
      return h(
        "li",
        {
          key: stage.name,
          class: `stage is-${stage.state}`,
          vars: { "--share": lasted.toFixed(1) },
          title: `${stageName(stage)}: ${said}`,
        },
        h(
          "span",
          { class: "stage-label", "aria-hidden": "true" },
          stageName(stage),
          lasted ? h("b", {}, duration(lasted)) : null,
        ),
        unseen(`${stageName(stage)}: ${said}`),
      );
    }),
  );
}

/** The same with times, each stage where it lay in the whole. */
export function table(point, now) {
  const stages = point.stages ?? [];
  const begins = stages.filter(({ begun_at: begun }) => begun).map(({ begun_at: begun }) => seconds(begun));
  const first = Math.min(...begins);
  const whole = Math.max(total(point, now) ?? 0, 1);
  return h(
    "table",
    { class: "gantt" },
    h("caption", {}, "Time line"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Stage", "Began", "Took"].map((name) => h("th", { scope: "col" }, name)),
        h("td", { class: "track-head" }),
      ),
    ),
    h(
      "tbody",
      {},
      stages.map((stage) => {
        const lasted = took(stage, now);
        const offset = stage.begun_at ? (seconds(stage.begun_at) - first) / whole : 0;
        const run = h("span", {
          class: `run is-${stage.state}`,
          vars: { "--from": offset.toFixed(4), "--share": (lasted / whole).toFixed(4) },
        });
        return h(
          "tr",
          { key: stage.name },
          h(
            "th",
            { scope: "row" },
            stageName(stage),
            " ",
            h("span", { class: `state is-${stage.state}` }, stateName(stage)),
          ),
          h("td", {}, stage.begun_at ? time(stage.begun_at) : "–"),
          h("td", { class: "figure" }, stage.begun_at ? duration(lasted) : "–"),
          h("td", { class: "track", "aria-hidden": "true" }, stage.begun_at && run),
        );
      }),
    ),
  );
}
