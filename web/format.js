// Times and durations as people say them. The page is English, so its dates are too: day before month, 24 hours,
// in the viewer's zone; the exact UTC time stands in the title.
import { h } from "./dom.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
const NUMBER = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export const seconds = (iso) => Date.parse(iso) / 1000;
export const number = (value) => NUMBER.format(value);

/** `7 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function duration(total) {
  const whole = Math.max(0, Math.round(total));
  if (total >= 0 && total < 0.95) return "< 1 s"; // the API counts whole seconds, so none is not nothing
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return two(whole, MINUTE, "min", 1, "s");
  if (whole < 2 * DAY) return two(whole, HOUR, "h", MINUTE, "min");
  return two(whole, DAY, "d", HOUR, "h");
}

function two(total, big, bigName, small, smallName) {
  const rest = Math.floor((total % big) / small);
  return `${NUMBER.format(Math.floor(total / big))} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** The parts of an RPO clock, largest first, down to the second: `[["2", "h"], ["05", "min"], ["09", "s"]]`. */
export function clockParts(total) {
  const whole = Math.max(0, Math.floor(total));
  const parts = [
    [Math.floor(whole / DAY), "d"],
    [Math.floor((whole % DAY) / HOUR), "h"],
    [Math.floor((whole % HOUR) / MINUTE), "min"],
    [whole % MINUTE, "s"],
  ];
  while (parts.length > 1 && parts[0][0] === 0) parts.shift();
  return parts.map(([value, unit], index) => [index ? String(value).padStart(2, "0") : NUMBER.format(value), unit]);
}

/** `Today 01:00`, `Yesterday 23:15`, `Sat 21 Nov 01:00`, `3 Mar 2025`: in the viewer's zone. */
export function moment(iso, now = Date.now()) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return String(iso);
  const days = Math.round((startOfDay(at) - startOfDay(new Date(now))) / (DAY * 1000));
  const named = { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
  if (named) return `${named} ${CLOCK.format(at)}`;
  return Math.abs(days) < 300 ? `${DATE.format(at).replace(",", "")} ${CLOCK.format(at)}` : YEAR.format(at);
}

const startOfDay = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

/** `2026-11-22 00:00:12 UTC` */
export function utc(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? String(iso) : `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `in 3 h`, `5 min ago`, `now` */
export function relative(iso, now = Date.now()) {
  const away = seconds(iso) - now / 1000;
  if (Number.isNaN(away)) return "";
  const about = Math.abs(away) < HOUR ? Math.round(Math.abs(away) / MINUTE) * MINUTE : Math.abs(away);
  if (about < MINUTE)
    return Math.abs(away) < 10 ? "now" : away > 0 ? "in less than a minute" : "less than a minute ago";
  return away > 0 ? `in ${duration(about)}` : `${duration(about)} ago`;
}

/** A `<time>` in words, with UTC in its title. */
export function time(iso, text = moment(iso)) {
  return iso ? h("time", { datetime: iso, title: utc(iso) }, text) : null;
}

/** Name of the viewer's zone, such as `CET` or `GMT+1`. */
export const zone = () => ZONE.formatToParts(new Date()).find((part) => part.type === "timeZoneName")?.value ?? "local";

/** `take_snapshot`, `TakeSnapshot`, `take-snapshot` -> `Take snapshot` */
export function words(name) {
  const text = String(name)
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim()
    .toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
