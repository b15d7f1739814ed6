// What surrounds the content: where one is, who one is, what is wrong at the moment.
import { button, h, unseen } from "../dom.js";
import { duration, relative, time, zone } from "../format.js";
import { badge } from "../icons.js";
import { explain } from "../words.js";

const FRESH = 60_000; // ms

/** Deployment and regions. */
export function where({ deployment, regions }) {
  const [primary, recovery] = regions;
  return [
    h("span", { class: "deployment" }, unseen("Deployment "), deployment),
    primary &&
      h(
        "span",
        { class: "regions" },
        unseen("Regions: "),
        primary,
        recovery && [h("span", { class: "arrow", "aria-hidden": "true" }, "→"), unseen(", copied to "), recovery],
      ),
  ];
}

export function who(name, { signOut }) {
  return [h("span", { class: "name" }, name), button({ class: "plain" }, signOut, "Sign out")];
}

/** A strip above everything else, while the page can't see what is there now. */
export function notice({ trouble, asOf, databases }, { again, signIn }, now) {
  if (!trouble) return null;
  const { failure, retryAt } = trouble;
  const said = explain(failure);
  const known =
    databases !== null &&
    h(
      "p",
      {},
      "Shown is what was known ",
      time(new Date(asOf).toISOString(), relative(new Date(asOf).toISOString(), now)),
      ".",
    );
  return h(
    "section",
    {
      class: `notice tone-${failure.kind === "signed-out" ? "busy" : "warn"}`,
      "aria-label": "Connection",
      key: "notice",
    },
    badge("warn"),
    h(
      "div",
      { class: "notice-text" },
      h("p", { class: "notice-title" }, said.title),
      said.detail && h("p", { class: "said" }, said.detail),
      h("p", {}, said.advice),
      known,
    ),
    failure.kind === "signed-out"
      ? button({ class: "button" }, signIn, "Sign in")
      : h(
          "div",
          { class: "notice-act" },
          button({ class: "button quiet" }, again, "Try again now"),
          retrying(retryAt, now),
        ),
  );
}

/** When the page asks again by itself. */
export function retrying(at, now) {
  return at && h("p", { class: "small" }, at - now > 1000 ? `By itself in ${duration((at - now) / 1000)}` : "Trying …");
}

export function foot(asOf, now) {
  const at = asOf && new Date(asOf).toISOString();
  return [
    at &&
      h(
        "p",
        {},
        now - asOf < FRESH ? "Up to date" : ["As of ", time(at, relative(at, now))],
        zone() === "UTC" ? ". Times are UTC." : `. Times are in your zone, ${zone()}; point at one for UTC.`,
      ),
    h("p", {}, h("a", { href: "protect.html" }, "How to protect a database")),
  ];
}
