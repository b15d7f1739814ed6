// How a status and a level look, wherever they stand.
import { button, h, unseen } from "../dom.js";
import { words } from "../format.js";
import { badge } from "../icons.js";
import { LEVELS, STATUS, TONE } from "../words.js";

export const tone = (status) => TONE[status] ?? "quiet";

/** Sign and word; colour only repeats what they say. */
export function status(name) {
  return h("span", { class: `status tone-${tone(name)}` }, badge(tone(name)), STATUS[name] ?? words(name));
}

/** `Level 2, copied` with a pip for each level. */
export function level(number) {
  if (number === null || number === undefined) return h("span", { class: "level" }, pips(-1), "No level");
  return h(
    "span",
    { class: "level" },
    pips(number),
    `Level ${number}`,
    unseen(","),
    h("span", { class: "level-name" }, LEVELS[number]?.[0] ?? ""),
  );
}

const pips = (number) =>
  h(
    "span",
    { class: "pips", "aria-hidden": "true" },
    LEVELS.map((_, each) => h("span", { class: each <= number ? "pip reached" : "pip" })),
  );

/** The address of a point's details. */
export const address = (id, database = "") => `#${new URLSearchParams({ ...(database && { database }), point: id })}`;

/** The button that helps against a failure: sign in, or try again. */
export function remedy({ kind }, retry, { signIn }, what = "") {
  const expired = kind === "signed-out";
  return button(
    { class: "button quiet" },
    expired ? signIn : retry,
    expired ? "Sign in" : "Try again",
    !expired && what && unseen(what),
  );
}
