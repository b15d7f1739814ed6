"""What a browser can be asked about how a page looks and what it is for somebody who doesn't see it."""

from __future__ import annotations

from playwright.sync_api import Page

# WCAG 2.1, 1.4.3: contrast of every text that shows, with the nearest ground that is not transparent.
# Colours are painted to be read, since they come as rgb(), oklab() or color().
_CONTRASTS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const read = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => {
        const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = read(getComputedStyle(each).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return read(getComputedStyle(document.documentElement).backgroundColor || "white");
    };
    const found = [];
    const open = document.querySelector("dialog[open]");
    const texts = document.createTreeWalker(open ?? document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const style = getComputedStyle(element);
        const hidden = !element.checkVisibility() || element.closest(".unseen, script, option") || style.opacity < 1;
        if (hidden || !texts.currentNode.data.trim()) continue;
        const [a, b] = [light(read(style.color)), light(ground(element))];
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        found.push({ text: texts.currentNode.data.trim(), ratio, least: large ? 3 : 4.5 });
    }
    return found;
}"""

_FAULTS = """() => {
    const root = document.querySelector("dialog[open]") ?? document;
    const faults = [];
    const seen = (element) => element.checkVisibility({ visibilityProperty: true });
    const named = (element) =>
        element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length ||
        document.getElementById(element.getAttribute("aria-labelledby"))?.textContent;
    for (const each of root.querySelectorAll("a, button, select, input, summary, [tabindex='0']"))
        if (seen(each) && !named(each)) faults.push(`no name: ${each.outerHTML.slice(0, 80)}`);
    for (const each of root.querySelectorAll("a")) if (!each.getAttribute("href")) faults.push("a link to nowhere");
    for (const each of root.querySelectorAll("[aria-labelledby]"))
        if (seen(each) && !named(each)) faults.push(`label of ${each.tagName} is gone`);
    for (const each of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${each.src}`);
    for (const each of document.querySelectorAll("svg")) if (!each.ariaHidden) faults.push("a sign that is read aloud");
    for (const each of root.querySelectorAll("table"))
        if (!each.caption || each.querySelector("th:not([scope])")) faults.push("a table without caption or scopes");
    for (const each of root.querySelectorAll("ul, ol"))
        if ([...each.children].some((child) => child.tagName !== "LI")) faults.push("a list of more than items");
    for (const each of root.querySelectorAll("[aria-hidden] a, [aria-hidden] button")) faults.push("a hidden control");
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) faults.push(`id ${id} twice`);
    const headings = [...document.querySelectorAll("h1, h2, h3")].filter(seen).map(({ tagName }) => Number(tagName[1]));
    if (headings.filter((level) => level === 1).length !== 1) faults.push("not one h1");
    if (headings.some((level, index) => index && level > headings[index - 1] + 1)) faults.push("a heading is left out");
    for (const landmark of ["header", "main", "footer"])
        if (document.querySelectorAll(`body > ${landmark}`).length !== 1) faults.push(`not one ${landmark}`);
    if (!document.documentElement.lang || !document.title) faults.push("no language, or no title");
    const live = document.querySelectorAll("[role=status], [role=alert], [aria-live]");
    if (live.length !== 1) faults.push("not one live region");
    return faults;
}"""


def faint_texts(page: Page) -> list[str]:
    """Texts whose contrast is too low, with how much it is."""
    found = page.evaluate(_CONTRASTS)
    assert found, "there is no text to look at"
    return [f"{each['text']!r}: {each['ratio']:.2f}" for each in found if each["ratio"] < each["least"]]


def faults(page: Page) -> list[str]:
    """What a screen reader would stumble over."""
    return list(page.evaluate(_FAULTS))


def overhang(page: Page) -> float:
    """Pixels by which something is wider than the window."""
    return float(
        page.evaluate("""() => {
            const root = document.querySelector("dialog[open]") ?? document.documentElement;
            return root.scrollWidth - root.clientWidth;
        }""")
    )


def focused(page: Page) -> str:
    """Name of what has the focus."""
    return str(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"))


def shows_its_focus(page: Page) -> bool:
    """Whether one sees where the focus is."""
    return bool(
        page.evaluate("""() => {
            const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
            const { width, height } = document.activeElement.getBoundingClientRect();
            return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && width > 0 && height > 0;
        }""")
    )
