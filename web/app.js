// Puts the page together: configuration, session, model, views; and keeps address and dialog in step.
import { Api } from "./api.js";
import { load } from "./config.js";
import { patch } from "./dom.js";
import { asFailure } from "./failure.js";
import { Session } from "./session.js";
import { details } from "./views/details.js";
import { foot, notice, retrying, where, who } from "./views/frame.js";
import { list } from "./views/list.js";
import * as panels from "./views/panels.js";
import { judgedAll, tiles, verdict } from "./views/tiles.js";
import { Watch } from "./watch.js";

const TICK = 1_000; // ms between two looks at the clocks
const byId = (id) => document.getElementById(id);
const [main, dialog, sheet, announcer] = ["main", "details", "sheet", "announcer"].map(byId);

let config = null;
let session = null;
let watch = null;
let failure = null; // why there is nothing to watch
let copied = ""; // what was copied last
let everyTile = false;
let cameByLink = false; // the dialog was opened by a step that "back" undoes
let pending = false;

// ---- showing -----------------------------------------------------------------------------------------------------------

/** Show what is known, once for all changes of this moment. */
function changed() {
  if (pending) return;
  pending = true;
  queueMicrotask(() => {
    pending = false;
    render();
  });
}

function render() {
  const now = Date.now();
  patch(byId("where"), config ? where(config) : []);
  patch(byId("who"), session?.signedIn ? who(session.name, actions) : []);
  patch(byId("foot"), foot(watch?.asOf, now));
  patch(main, content(now));
  const title = [main.querySelector("h1").textContent, config?.deployment].filter(Boolean).join(" · ");
  if (document.title !== title) document.title = title;
  if (dialog.open && watch?.opened) patch(sheet, details(watch.opened, { ...actions, copied }, now));
}

function content(now) {
  if (failure && !watch)
    return config && session ? panels.signIn(config.deployment, failure, actions) : panels.trouble(failure, actions);
  if (!watch) return session ? panels.signIn(config.deployment, null, actions) : panels.loading();
  if (watch.databases === null)
    return watch.trouble ? nothingYet(watch.trouble, now) : panels.loading(config.deployment);
  if (!watch.databases.length)
    return [notice(watch, actions, now), panels.empty(config.deployment, { ...actions, copied })];
  const databases = judgedAll(watch, now);
  const said = verdict(databases);
  return [
    notice(watch, actions, now),
    panels.verdict(said),
    tiles(watch, databases, actions, now, { all: everyTile, showAll }),
    list(watch, actions, now),
  ];
}

function nothingYet({ failure: why, retryAt }, now) {
  if (why.kind === "signed-out") return panels.signIn(config.deployment, why, actions);
  return panels.trouble(why, actions, retrying(retryAt, now));
}

/** Say `text` to those who don't see it; the one live region of the page. */
function announce(text) {
  announcer.textContent = "";
  setTimeout(() => (announcer.textContent = text), 50); // the same text again is news only after a pause
}

// ---- what a viewer can do ----------------------------------------------------------------------------------------------

const actions = {
  signIn: () => session.signIn().catch(fail),
  signOut: () => {
    watch?.stop();
    void session.signOut();
  },
  again: () => (watch ? watch.again() : location.reload()),
  start: (database, key) => void watch.start(database, key),
  show: (database) => go({ database, point: null }),
  older: async () => {
    const first = await watch.older();
    if (first) byId(`point-${first}`)?.focus();
  },
  reopen: (id) => void watch.open(id),
  close: () => dialog.close(),
  copy: async (text) => {
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    copied = done ? text : "";
    announce(done ? "Copied." : "Copying is not allowed here: select the text instead.");
    changed();
  },
};

function showAll() {
  everyTile = true;
  changed();
}

function fail(error) {
  failure = asFailure(error);
  changed();
}

// ---- address and dialog: #database=orders&point=orders-20261122t0100z -----------------------------------------------------

const place = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

function go(changes) {
  const next = new URLSearchParams(Object.entries({ ...place(), ...changes }).filter(([, value]) => value));
  history.pushState(null, "", `${location.pathname}${next.size ? `#${next}` : ""}`);
  arrive();
}

/** Make the page what its address says. */
function arrive() {
  if (!watch) return;
  const { database = "", point = null } = place();
  watch.show(database);
  if (point === (watch.opened?.id ?? null)) return;
  void watch.open(point);
  if (point) {
    patch(sheet, details(watch.opened, { ...actions, copied }, Date.now()));
    if (!dialog.open) dialog.showModal();
    dialog.append(announcer); // what lies behind a modal dialog is not heard
  } else if (dialog.open) dialog.close();
}

addEventListener("hashchange", () => {
  cameByLink = Boolean(place().point);
  arrive();
});
addEventListener("popstate", arrive);

dialog.addEventListener("close", () => {
  document.body.append(announcer);
  if (!place().point) return;
  if (cameByLink) history.back();
  else go({ point: null });
  cameByLink = false;
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog && event.clientX < dialog.getBoundingClientRect().left) dialog.close(); // the backdrop
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says where one is; "#main" would forget it
  main.focus();
});

// ---- beginning ---------------------------------------------------------------------------------------------------------

async function begin() {
  render();
  try {
    config = await load();
    session = new Session(config);
    await session.arrive();
  } catch (error) {
    fail(error);
  }
  if (session?.signedIn) {
    const api = new Api(config.api, (refused) => session.token(refused));
    watch = new Watch(api, { changed, announce });
    watch.filter = place().database ?? "";
    watch.begin();
    arrive();
  }
  changed();
  setInterval(() => {
    if (watch && !document.hidden) render();
  }, TICK);
}

void begin();
