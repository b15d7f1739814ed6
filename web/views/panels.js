// Pages of one message: what to do when there is nothing to show.
import { button, h } from "../dom.js";
import { badge } from "../icons.js";
import { explain } from "../words.js";

export function loading(title = "Holdfast") {
  return h(
    "section",
    { class: "panel", key: "loading", "aria-busy": "true" },
    h("h1", {}, title),
    h("p", { class: "waiting" }, "Asking the API …"),
  );
}

export function signIn(deployment, failure, actions) {
  const said = failure && explain(failure);
  return h(
    "section",
    { class: "panel", key: "sign-in" },
    h("h1", {}, said?.title ?? "Sign in"),
    said
      ? [h("p", { class: "said" }, said.detail), h("p", {}, said.advice)]
      : h("p", {}, `See what can be restored in ${deployment}, to when, and how that is known.`),
    h("div", { class: "buttons" }, button({ class: "button" }, actions.signIn, "Sign in")),
  );
}

/** Nothing can be shown, and that is why. */
export function trouble(failure, actions, retry = null) {
  const said = explain(failure);
  return h(
    "section",
    { class: "panel", key: "trouble" },
    badge("warn"),
    h("h1", {}, said.title),
    said.detail && h("p", { class: "said" }, said.detail),
    h("p", {}, said.advice),
    h("div", { class: "buttons" }, button({ class: "button" }, actions.again, "Try again"), retry),
  );
}

/** No database is protected: how to protect one. */
export function empty(deployment, { copy, copied }) {
  const command = [
    "aws rds add-tags-to-resource \\",
    "    --resource-name <ARN of the instance> \\",
    `    --tags Key=holdfast:protect,Value=${deployment}`,
  ].join("\n");
  return h(
    "section",
    { class: "panel wide", key: "empty" },
    h("h1", {}, "No database is protected yet"),
    h("p", {}, "Holdfast backs up every RDS for MySQL instance that bears this deployment's tag. To protect one:"),
    h(
      "ol",
      { class: "steps" },
      h("li", {}, "See that it is encrypted under the key ", h("code", {}, `alias/${deployment}-data`), "."),
      h(
        "li",
        {},
        "Give it the tag:",
        h("pre", { tabindex: "0", "aria-label": "Command that sets the tag" }, h("code", {}, command)),
        button({ class: "button quiet" }, () => copy(command), copied === command ? "Copied" : "Copy the command"),
      ),
      h(
        "li",
        {},
        "Make the user that lists its tables, ",
        h("code", {}, "holdfast_inventory"),
        ", so that its points can be verified.",
      ),
    ),
    h("p", {}, h("a", { href: "protect.html" }, "How to protect a database, step by step")),
    h("p", { class: "small" }, "It appears here some minutes after it has the tag; this page looks for it by itself."),
  );
}

/** The answer to the question that one comes with. */
export function verdict({ tone, title, detail }) {
  return h(
    "section",
    { class: `verdict tone-${tone}`, key: "verdict" },
    badge(tone),
    h("div", {}, h("h1", {}, title), h("p", {}, detail)),
  );
}
