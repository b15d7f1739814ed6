// Views are functions from data to a tree of descriptions; patch() makes the page look like the tree and touches only
// what differs. Focus, selection, scroll and opened <details> therefore survive every poll.
// Text is always a text node: nothing here parses markup, so nothing that the API says can become any.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect"]);
const known = new WeakMap(); // element -> the description it shows

/** A description of an element. `on`: handlers by event, `vars`: custom properties, `key`: identity among siblings. */
export function h(tag, props, ...children) {
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return { tag, props: props ?? {}, children: shown };
}

/**
 * Make the children of `parent` look like `children`. What has the focus keeps it; if that is gone, the last control near
 * it takes over, so that nobody who works by keyboard is thrown back to the top.
 */
export function patch(parent, ...children) {
  const focused = document.activeElement;
  const path = parent.contains(focused) ? ancestors(focused, parent) : [];
  reconcile(parent, h("", {}, ...children).children);
  if (focused === document.activeElement || !path.length) return;
  const heir = focused.isConnected ? focused : near(path.find((node) => node.isConnected) ?? parent, parent);
  heir.focus({ preventScroll: true });
}

function ancestors(node, end) {
  return node === end ? [] : [node, ...ancestors(node.parentElement, end)];
}

const near = (node, end) =>
  node === end ? end : ([...node.querySelectorAll("a[href], button")].at(-1) ?? near(node.parentElement, end));

function reconcile(parent, wanted) {
  const before = [...parent.childNodes];
  const nodes = wanted.map((child) => {
    const index = before.findIndex((node) => node !== null && matches(node, child));
    const node = index < 0 ? created(child) : before[index];
    if (index >= 0) before[index] = null;
    return node;
  });
  for (const node of before) node?.remove();
  let next = parent.firstChild;
  nodes.forEach((node, index) => {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
    update(node, wanted[index]);
  });
}

function matches(node, child) {
  if (typeof child !== "object") return node.nodeType === Node.TEXT_NODE;
  const shown = known.get(node);
  return shown !== undefined && shown.tag === child.tag && shown.props.key === child.props.key;
}

function created(child) {
  if (typeof child !== "object") return document.createTextNode("");
  const node = SVG_TAGS.has(child.tag) ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  known.set(node, { tag: child.tag, props: { key: child.props.key }, children: [] });
  return node;
}

function update(node, child) {
  if (typeof child !== "object") {
    if (node.data !== String(child)) node.data = String(child);
    return;
  }
  const before = known.get(node).props;
  known.set(node, child);
  for (const name of Object.keys({ ...before, ...child.props })) {
    if (before[name] !== child.props[name]) set(node, name, child.props[name], before[name]);
  }
  reconcile(node, child.children);
  if ("value" in child.props && node.value !== child.props.value) node.value = child.props.value; // after its options
}

function set(node, name, value, before) {
  if (name === "key" || name === "value") return;
  if (name === "on") listen(node, value ?? {}, before ?? {});
  else if (name === "vars") for (const each of Object.keys(value ?? {})) node.style.setProperty(each, value[each]);
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

/** One listener per event for good; it calls the handler that the newest description names. */
function listen(node, handlers, before) {
  for (const type of Object.keys(handlers)) {
    if (!(type in before)) node.addEventListener(type, (event) => known.get(node).props.on?.[type]?.(event));
  }
}

/** A button that calls `click`. */
export const button = (props, click, ...text) => h("button", { type: "button", on: { click }, ...props }, ...text);

/** Text that only screen readers meet. */
export const unseen = (...text) => h("span", { class: "unseen" }, ...text);
