// Keeps the page current: when the ledger says that something happened, the page is fetched again
// and the parts that differ are replaced. Without this script the page is the same, until reload.
"use strict";
(() => {
  const EVENTS = ["asset_registered", "rollup_registered", "deposited", "batch_posted", "batch_evicted",
    "claim_paid",
    "domain_adopted", "epoch_opened", "seal_requested", "epoch_sealed", "step_folded", "epoch_proven",
    "epoch_submitted", "submission_superseded", "epoch_settled", "epoch_reorged", "epoch_final",
    "settlement_logged", "equivocation", "settlement_proven", "books_closed"];
  // At most one fetch in this time, however much happens.
  const PAUSE_MS = 700;
  const state = document.getElementById("live-state");
  let waiting = false;
  let running = false;

  // Said only when it changes: a screen reader speaks it.
  const say = (text, tone) => {
    if (state.textContent === text) return;
    state.dataset.tone = tone;
    state.textContent = text;
  };

  const figures = (part) => [...part.querySelectorAll(".figure")];

  // What has the keyboard's focus, so that it has it again in the new part.
  const focused = (part) => {
    const active = document.activeElement;
    if (!part.contains(active)) return null;
    const href = active.getAttribute("href");
    return href ? `a[href="${CSS.escape(href)}"]` : ".scroll";
  };

  const replace = (old, fresh) => {
    if (old.outerHTML === fresh.outerHTML) return;
    const before = figures(old).map((figure) => figure.textContent);
    const scrolls = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focus = focused(old);
    old.replaceWith(fresh);
    if (focus) fresh.querySelector(focus)?.focus({ preventScroll: true });
    fresh.querySelectorAll(".scroll").forEach((box, n) => { box.scrollLeft = scrolls[n] || 0; });
    const after = figures(fresh);
    if (after.length !== before.length) return;
    after.forEach((figure, n) => {
      if (figure.textContent !== before[n]) figure.classList.add("changed");
    });
  };

  const refresh = async () => {
    if (running) { waiting = true; return; }
    running = true;
    waiting = false;
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelectorAll("[data-live]").forEach((part) => {
        const fresh = page.getElementById(part.id);
        if (fresh) replace(part, document.importNode(fresh, true));
      });
      const now = page.getElementById("as-of");
      if (now) document.getElementById("as-of").replaceWith(document.importNode(now, true));
      say("Live.", "good");
    } catch {
      say("The server does not answer; the numbers are from before.", "bad");
    }
    setTimeout(() => { running = false; if (waiting) refresh(); }, PAUSE_MS);
  };

  const source = new EventSource("/v1/events");
  EVENTS.forEach((name) => source.addEventListener(name, refresh));
  // What happened between the page and the stream.
  source.addEventListener("open", refresh);
  source.addEventListener("error", () => say("Reconnecting; the numbers are from before.", "bad"));
})();
