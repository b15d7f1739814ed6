// Small pictures, drawn here; each stands beside a word that says the same, so none is read aloud.
import { h } from "./dom.js";

const PATHS = {
  good: "M4.2 8.4l2.6 2.6 5-5.6",
  warn: "M8 4.4v4.4M8 11.6v.1",
  bad: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
  busy: "M8 4.6V8l2.2 1.6",
  quiet: "M5 8h6",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
};

/** A round badge of a tone. */
export function badge(tone) {
  return h(
    "svg",
    { class: `icon icon-${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    h("circle", { class: "icon-disc", cx: "8", cy: "8", r: "7.25" }),
    h("path", { class: "icon-mark", d: PATHS[tone] ?? PATHS.quiet }),
  );
}

/** A bare sign, such as a cross. */
export function sign(name) {
  return h(
    "svg",
    { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    h("path", { d: PATHS[name] }),
  );
}
