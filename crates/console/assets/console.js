// What pages do beyond links and forms: local times, questions before what cannot be undone, live lists. Every page
// works without it.
"use strict";
(() => {
  const inZone = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hour12: false, timeZoneName: "short",
  });

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      const part = Object.fromEntries(inZone.formatToParts(at).map((part) => [part.type, part.value]));
      const { year, month, day, hour, minute, second, timeZoneName } = part;
      time.textContent = `${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
    }
  }

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = "Copied";
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // Lists say with hx-trigger="live-files from:body" what they want to hear of. Many changes within a moment are one.
  function live(address) {
    const changed = new Set();
    let timer = null;
    // What somebody writes in is not taken from under their hands.
    const isWrittenIn = () => document.activeElement?.matches("[hx-trigger*='live-'] :is(input, select, textarea)");
    const tell = () => {
      timer = isWrittenIn() ? window.setTimeout(tell, 1000) : null;
      if (timer) return;
      const topics = changed.has("all") ? ["files", "deliveries", "endpoints"] : [...changed];
      changed.clear();
      for (const topic of topics) document.body.dispatchEvent(new CustomEvent(`live-${topic}`));
    };
    const source = new EventSource(address);
    for (const topic of ["files", "deliveries", "endpoints", "all"]) {
      source.addEventListener(topic, () => {
        changed.add(topic);
        timer ??= window.setTimeout(tell, 400);
      });
    }
    window.addEventListener("pagehide", () => source.close());
  }

  // A narrow window shows a part of the navigation only.
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  localTimes(document);
  new MutationObserver(() => localTimes(document)).observe(document.body, { childList: true, subtree: true });
  if (document.body.dataset.live && document.querySelector("[hx-trigger*='live-']")) live(document.body.dataset.live);
})();
