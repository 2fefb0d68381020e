"""What stands in the way of those who use a keyboard or a screen reader, asked of the browser that shows a page."""

from itertools import pairwise

from playwright.async_api import Page

STRUCTURE = """() => {
  const found = [];
  const all = (css) => [...document.querySelectorAll(css)];
  const one = (css, name) => { if (all(css).length !== 1) found.push(`${all(css).length} of ${name}`); };
  one("main#main", "main");
  one("body > header", "banner");
  one("h1", "h1");
  if (document.documentElement.lang !== "en") found.push("no language");
  if (!document.title.trim()) found.push("no title");
  for (const nav of all("nav")) if (!nav.ariaLabel) found.push("a navigation without a name");
  const names = all("nav").map((nav) => nav.ariaLabel);
  if (new Set(names).size !== names.length) found.push("two navigations of one name");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    if (!heading.checkVisibility()) continue;
    const next = Number(heading.tagName[1]);
    if (next > level + 1) found.push(`h${next} after h${level}: ${heading.textContent.slice(0, 40)}`);
    level = next;
  }
  for (const head of all("th")) if (!head.scope) found.push(`a head without scope: ${head.textContent}`);
  for (const table of all("table")) if (!table.querySelector("th")) found.push("a table without heads");
  const ids = all("[id]").map((part) => part.id);
  for (const id of ids.filter((id, place) => ids.indexOf(id) !== place)) found.push(`two of id ${id}`);
  for (const part of all("[aria-labelledby], label[for]")) {
    const id = part.getAttribute("aria-labelledby") ?? part.getAttribute("for");
    if (!document.getElementById(id)) found.push(`nothing has id ${id}`);
  }
  if (!all("[role=status], [aria-live=polite]").length) found.push("no polite live region");
  for (const loud of all("[aria-live=assertive]")) found.push(`loud: ${loud.id}`);
  for (const part of all("[tabindex]")) if (part.tabIndex > 0) found.push(`tabindex ${part.tabIndex}`);
  for (const part of all("[style], [onclick], style, script:not([src])")) found.push(`inline: ${part.tagName}`);
  return found;
}"""
"""What is wrong with landmarks, headings, tables, names by reference and the order that is asked for."""

TABBABLE = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
  .filter((one) => one.checkVisibility() && !one.disabled).length"""

FOLLOW = """() => {
  const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = (text) => {
    const [r, g, b] = (text.match(/[\\d.]+/g) ?? []).map(Number).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  window.stops = [];
  document.addEventListener("focusin", ({ target: one }) => {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    let behind = one.parentElement;
    while (behind && /, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const ground = behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)";
    const [a, b] = [light(style.outlineColor), light(ground)];
    window.stops.push({
      place: [...document.querySelectorAll("*")].indexOf(one),
      name: `${one.tagName} ${(one.textContent || one.name || "").trim().slice(0, 40)}`,
      ring: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
      contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
      seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    });
  });
  scrollTo(0, 0);
  document.activeElement?.blur();
}"""
"""Note where the focus goes, and how it is seen there."""

PARTS = """() => 4 * document.querySelectorAll("input[type=date]").length"""
"""How often Tab may stay in one place: a date has a part for day, month and year, and a button."""

NAMED = {"button", "link", "textbox", "searchbox", "combobox", "DisclosureTriangle", "navigation"}
"""Roles that a screen reader says together with a name."""

NATIVE_PARTS = {"Date", "spinbutton", "option", "MenuListOption", "MenuListPopup"}
"""What the browser makes of our inputs by itself."""


async def wrong_for_assistive(page: Page, *, table: bool = False) -> list[str]:
    """Return what is wrong with a page for whoever does not look at it or does not use a mouse.

    Args:
        page: As it is shown now.
        table: Whether it has a table, which has to be one on a phone too.
    """
    found: list[str] = await page.evaluate(STRUCTURE)
    return [*found, *await unnamed(page, table=table), *await _by_tab(page)]


async def unnamed(page: Page, *, table: bool) -> list[str]:
    """Return what Chromium's own accessibility tree has without a name, or has not at all."""
    session = await page.context.new_cdp_session(page)
    try:
        nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    finally:
        await session.detach()
    said = [
        (node.get("role", {}).get("value", ""), str(node.get("name", {}).get("value", "")).strip())
        for node in nodes
        if not node.get("ignored")
    ]
    found = [f"no name: {role}" for role, name in said if role in NAMED and not name]
    roles = {role for role, _ in said}
    wanted = {"main", "banner", "navigation", "heading"}
    if table:
        wanted |= {"table", "row", "cell", "columnheader"}
    return found + [f"no {role} in the accessibility tree" for role in sorted(wanted - roles)]


async def _by_tab(page: Page) -> list[str]:
    """Go through the page by Tab alone: everything once, in the order in which it is read, and each seen."""
    await page.evaluate(FOLLOW)
    expected = await page.evaluate(TABBABLE)
    for _ in range(expected + await page.evaluate(PARTS)):
        await page.keyboard.press("Tab")
    stops: list[dict[str, object]] = (await page.evaluate("window.stops"))[:expected]
    found = [f"out of order: {after['name']}" for _, after in _backwards(stops)]
    found += [f"no ring: {one['name']}" for one in stops if not float(str(one["ring"])) >= 2]
    found += [f"a faint ring: {one['name']}" for one in stops if float(str(one["contrast"])) < 3]
    found += [f"focused and not seen: {one['name']}" for one in stops if not one["seen"]]
    if len({one["place"] for one in stops}) != expected:
        found.append(f"{len(stops)} of {expected} are reached by Tab, or one twice")
    if stops and "Skip" not in str(stops[0]["name"]):
        found.append(f"the first is {stops[0]['name']}")
    return found


def _backwards(stops: list[dict[str, object]]) -> list[tuple[dict[str, object], dict[str, object]]]:
    return [
        (one, other)
        for one, other in pairwise(stops)
        if int(str(other["place"])) < int(str(one["place"]))
    ]
