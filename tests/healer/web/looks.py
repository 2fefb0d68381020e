"""What can be wrong with how a page looks, asked of the browser that shows it."""

from playwright.async_api import Page

READABLE = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
  const ground = (one) => {
    const colours = [];
    for (let at = one; at; at = at.parentElement) colours.push(parse(getComputedStyle(at).backgroundColor));
    return colours.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !one.checkVisibility() || one.closest(".unseen, .skip, noscript")) continue;
    const [a, b] = [light(over(parse(getComputedStyle(one).color), ground(one))), light(ground(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
  }
  return found;
}"""
"""Texts with less contrast than WCAG 2.2 asks for (AA)."""

TOUCHABLE = """() => [...document.querySelectorAll("button, .button, nav a, summary, select, input:not([type=hidden])")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43)
  .map((one) => `${one.getBoundingClientRect().height} ${one.textContent.slice(0, 40)}`)"""
"""What is pressed and is lower than a finger needs."""

CUT_OFF = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && !one.closest(".unseen, .skip, pre, .prose table, thead"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 || one.getBoundingClientRect().left < -1)
  .map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`)"""
"""What stands outside the window."""

SCROLLS = """() => document.documentElement.scrollWidth > innerWidth
  ? [`${document.documentElement.scrollWidth} px wide in a window of ${innerWidth}`] : []"""
"""Whether the page has to be pushed sideways."""

OVERLAP = """() => {
  const named = (one) => `${one.tagName} ${one.id || one.textContent}`;
  const all = [...document.querySelectorAll("button, .button, input:not([type=hidden]), select, nav a")]
    .filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()]);
  return all.flatMap(([one, a], place) => all.slice(place + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([other]) => `${named(one)} lies over ${named(other)}`));
}"""
"""What is pressed or filled in and lies over another such thing."""

UNFOLD = """() => document.querySelectorAll("details").forEach((one) => { one.open = true; })"""
"""Unfold whatever is folded."""

UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
  .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
  .map((one) => one.outerHTML)"""
"""What a screen reader could not name."""

NARROWEST = 320
"""Pixels: what WCAG 2.2 (1.4.10) asks a page to fit into."""


async def wrong_with(page: Page, *, finger: bool) -> list[str]:
    """Return what is wrong with a page, whatever of it is folded.

    Args:
        page: As it is shown now; it is left unfolded.
        finger: Whether it is touched, and may be on a narrower phone.
    """
    await page.evaluate(UNFOLD)
    found = await _all(page, READABLE, UNNAMED, CUT_OFF, SCROLLS, OVERLAP)
    if finger:
        found += await _all(page, TOUCHABLE)
        size = page.viewport_size
        assert size is not None
        await page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
        found += await _all(page, CUT_OFF, SCROLLS)
        await page.set_viewport_size(size)
    return found


async def unreadable(page: Page) -> list[str]:
    """Return what has too little contrast in the colours that a page is shown in now, unfolded."""
    await page.evaluate(UNFOLD)
    return await _all(page, READABLE)


async def _all(page: Page, *scripts: str) -> list[str]:
    """Return what these find, asked at once: each asking takes a while where the machine is busy."""
    calls = ", ".join(f"...({script})()" for script in scripts)
    found: list[str] = await page.evaluate(f"() => [{calls}]")
    return found
