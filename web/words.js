// What the page calls things, and what it says when something is wrong: what happened, and what to do about it.
import { duration } from "./format.js";

export const STATUS = {
  requested: "Requested",
  running: "Running",
  verified: "Verified",
  partial: "Partial",
  failed: "Failed",
  protected: "Protected",
  at_risk: "At risk",
  unprotected: "Unprotected",
  gone: "Not there any more",
};

/** Tone of a status: it chooses colour and icon, never alone. */
export const TONE = {
  verified: "good",
  protected: "good",
  partial: "warn",
  at_risk: "warn",
  failed: "bad",
  unprotected: "bad",
  requested: "busy",
  running: "busy",
};

/** design.md: the assurance levels; what each was checked for. */
export const LEVELS = [
  ["taken", "The snapshot is available, under the expected key, tagged."],
  [
    "exported",
    "Every table of the database is in the export, complete; rows are counted; every object is under the expected key.",
  ],
  [
    "copied",
    "The copy in the recovery region is available under that region's key, and its vault holds every object, equal and locked.",
  ],
  ["restored", "A restore in isolation has the same rows in every table."],
  ["serving", "The application's smoke test passes against the restored database."],
];

export const STAGES = {
  snapshot: ["Snapshot", "Taking the snapshot"],
  export: ["Export", "Exporting every table"],
  check: ["Check", "Checking the export"],
  copy: ["Copy", "Copying to the recovery region"],
  compare: ["Compare", "Comparing the vault, object by object"],
};

export const STATES = {
  pending: "Not begun",
  waiting: "Waiting for a slot",
  running: "Running",
  succeeded: "Done",
  failed: "Failed",
  skipped: "Not reached",
};

const wait = ({ retryAfter }) =>
  retryAfter ? `Wait ${duration(retryAfter)}, then try again.` : "Try again in a moment.";
const named = ({ request }) => (request ? ` Name the request ${request} when you ask for help.` : "");

const lacking = (scope) => `you lack the scope holdfast/backups:${scope}: ask an administrator of the user pool.`;

const ON = {
  unreachable: (failure) => ({
    title: failure.title || (navigator.onLine ? "The API can't be reached" : "This device is offline"),
    detail: failure.detail,
    advice: navigator.onLine
      ? "Check your network or VPN, then whether the primary region is well. If the recovery region has taken over, reload this page. What was backed up stays as it is, whether this page can see it or not."
      : "The page goes on by itself as soon as there is a network again.",
  }),
  "signed-out": (failure) =>
    failure.status === 401 // a fresh token is refused, too: API Gateway says so of a missing scope as well
      ? { title: "The API does not accept your sign-in", advice: `Sign in again. If it stays so, ${lacking("read")}` }
      : { title: "Your sign-in has expired", advice: "Sign in again; you come back to this place." },
  busy: (failure) => ({
    title: failure.status === 429 ? "Too many requests at the moment" : "The API is not available at the moment",
    detail: failure.detail,
    advice: wait(failure),
  }),
  broken: (failure) => ({
    title: failure.title || "The API failed",
    detail: failure.detail,
    advice: `Try again in a moment. If it stays so, look at the alarms and logs of the API.${named(failure)}`,
  }),
  unreadable: () => ({
    title: "The answer is not one of this API's",
    advice:
      "Something between this page and the API may answer in its place, such as a proxy or the sign-in page of a network.",
  }),
  unconfigured: (failure) => ({
    title: "This console is not configured",
    detail: failure.detail,
    advice: "The deployment writes config.json beside this page. Deploy the console again.",
  }),
  insecure: () => ({
    title: "Signing in needs a secure page",
    advice: "Open the console by its https address, or on the machine itself as http://localhost.",
  }),
  faulty: (failure) => ({
    title: "This page has a fault",
    detail: failure.detail,
    advice: "Reload it. If it stays so, tell whoever maintains Holdfast what the browser's console shows.",
  }),
  refused: (failure) => ({
    title: failure.title || `The API refused (${failure.status})`,
    detail: failure.detail,
    advice: REFUSALS[failure.status] ?? `Mend what it names, then try again.${named(failure)}`,
  }),
};

const REFUSALS = {
  400: "Reload the page, so that page and API are of the same version, and try again.",
  403: `You are signed in, but ${lacking("read")}`,
  404: "It may have been removed meanwhile. Reload the page to see what there is.",
  422: "Reload the page and try again.",
};

const START_REFUSALS = {
  403: `You are signed in, but ${lacking("write")}`,
  404: "It may have lost its tag holdfast:protect, or be too new to be known here: check the tag, and wait some minutes.",
  409: "Nothing was started. If the text names another region, start it from the console there.",
};

const ON_START = {
  "signed-out": (failure) => ({
    ...ON["signed-out"](failure),
    ...(failure.status === 401 && { advice: `Sign in again. If it stays so, ${lacking("write")}` }),
  }),
  unreachable: (failure) => ({
    title: navigator.onLine ? "No answer: the request may have arrived or not" : "This device is offline",
    detail: failure.detail,
    advice: "Trying again is safe: it is the same request, and is carried out once.",
  }),
  broken: (failure) => ({
    title: failure.title || "The API failed while it started the recovery point",
    detail: failure.detail,
    advice: `Trying again is safe: it is the same request, and is carried out once.${named(failure)}`,
  }),
  refused: (failure) => ({
    ...ON.refused(failure),
    ...(START_REFUSALS[failure.status] && { advice: START_REFUSALS[failure.status] }),
  }),
};

/** `{title, detail, advice}` for people; `action` is "start" where a recovery point was asked for. */
export function explain(failure, action = "read") {
  const rule = (action === "start" && ON_START[failure.kind]) || ON[failure.kind] || ON.faulty;
  return rule(failure);
}
