// Adds liveness to a page that is complete without it: when the healer says that something changed, the page
// is read again, and those of its parts that differ are exchanged. Nothing here sends anything.
"use strict";

(() => {
  const main = document.querySelector("main[data-revision]");
  const shown = document.getElementById("live");
  const said = document.getElementById("said");
  if (!main || !shown) return;

  const AGAIN = 15000; // ms between two readings where nothing tells us to: groups are not in the stream
  const PATIENCE = 10000; // ms for one reading
  const LONGEST = 60000; // ms between two tries while nobody answers

  let stream = null;
  let reading = false;
  let wanted = false;
  let failures = 0;
  let timer = 0;
  let offset = 0; // what the healer's clock is ahead of ours, ms
  let read = "";

  function show(state, text) {
    if (shown.dataset.state === state && shown.textContent === text) return;
    shown.dataset.state = state;
    shown.textContent = text;
  }

  // --- Ages go on between two readings ---

  function keepTime() {
    offset = Date.parse(main.dataset.now) - Date.now();
    read = main.dataset.now.slice(11, 19) + "Z";
  }

  function duration(seconds) {
    const parts = [];
    let left = Math.max(0, Math.floor(seconds));
    for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
      if (left >= size) parts.push(`${Math.floor(left / size)} ${name}`);
      left %= size;
    }
    return parts.slice(0, 2).join(" ") || "0 s";
  }

  function age() {
    for (const one of main.querySelectorAll("time.age")) {
      const text = duration((Date.now() + offset - Date.parse(one.dateTime)) / 1000);
      if (one.textContent !== text) one.textContent = text;
    }
  }

  // --- Parts are exchanged by their ids ---

  function likeness(part) {
    const copy = part.cloneNode(true);
    for (const one of copy.querySelectorAll("time.age, input[name=token]")) one.remove();
    for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
    return copy.outerHTML;
  }

  function exchange(fresh) {
    let changed = false;
    const parts = [...fresh.children].map((part) => document.importNode(part, true));
    const ids = new Set(parts.map((part) => part.id));
    for (const old of [...main.children]) {
      // What came of a command stays until somebody goes on.
      if (ids.has(old.id) || old.id === "outcome") continue;
      old.remove();
      changed = true;
    }
    let place = main.firstElementChild;
    for (const part of parts) {
      const old = part.id && document.getElementById(part.id);
      if (!old || old.parentElement !== main) {
        main.insertBefore(part, place);
        changed = true;
      } else if (likeness(old) === likeness(part)) {
        place = old.nextElementSibling;
      } else {
        for (const one of old.querySelectorAll("input[id], select[id]")) {
          // What somebody is typing stays.
          const same = part.querySelector(`#${CSS.escape(one.id)}`);
          if (same) same.value = one.value;
        }
        const inside = document.activeElement;
        const held = old.contains(inside) ? inside.id : "";
        for (const one of old.querySelectorAll("details[open][id]")) {
          part.querySelector(`#${CSS.escape(one.id)}`)?.setAttribute("open", "");
        }
        old.replaceWith(part);
        if (held) document.getElementById(held)?.focus();
        place = part.nextElementSibling;
        changed = true;
      }
    }
    return changed;
  }

  async function readAgain() {
    if (reading) {
      wanted = true;
      return;
    }
    reading = true;
    clearTimeout(timer);
    try {
      const url = new URL(location.href);
      url.searchParams.delete("said");
      const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main[data-revision]");
      if (!fresh) throw new Error("no live page");
      const before = document.title;
      const changed = exchange(fresh);
      main.dataset.now = fresh.dataset.now;
      main.dataset.revision = fresh.dataset.revision;
      document.title = page.title;
      if (changed && before !== page.title) said.textContent = page.title;
      failures = 0;
      keepTime();
      age();
      show("live", `live, ${read}`);
    } catch {
      failures += 1;
      show("lost", `not live: this is from ${read}`);
    }
    reading = false;
    const wait = failures ? Math.min(LONGEST, 1000 * 2 ** failures) : AGAIN;
    timer = setTimeout(readAgain, wanted ? 500 : wait);
    wanted = false;
    if (!failures) listen();
  }

  // --- The stream says when ---

  function listen() {
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    stream = new EventSource(`/events?since=${encodeURIComponent(main.dataset.revision)}`);
    let open = false;
    stream.onopen = () => {
      open = true;
      show("live", `live, ${read}`);
    };
    stream.addEventListener("change", (event) => {
      if (event.data !== main.dataset.revision) readAgain();
    });
    // The browser comes back by itself; where it was sent away we read every so often, and ask again.
    stream.onerror = () => {
      show("still", `as of ${read}`);
      if (!open) return;
      open = false; // it was lost: is the healer there at all?
      clearTimeout(timer);
      timer = setTimeout(readAgain, 1000);
    };
  }

  function hush() {
    stream?.close();
    stream = null;
    clearTimeout(timer);
  }

  document.addEventListener("visibilitychange", () => {
    // A page that nobody looks at takes no connection and no battery.
    if (document.hidden) hush();
    else readAgain();
  });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) readAgain();
  });

  // A second press while the first is on its way says nothing new.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });

  // What a command led to is said once; the address keeps no trace of it.
  const here = new URL(location.href);
  if (here.searchParams.has("said")) {
    here.searchParams.delete("said");
    history.replaceState(null, "", here);
  }

  keepTime();
  setInterval(age, 1000);
  timer = setTimeout(readAgain, AGAIN);
  listen();
})();
