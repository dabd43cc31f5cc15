// Keeps the page current: when the ledger says that something happened, the page is fetched again
// and the parts that differ are replaced. Without this script the page is the same, until reload.
"use strict";
(() => {
  const EVENTS = ["asset_registered", "rollup_registered", "deposited", "batch_posted", "claim_paid",
    "domain_adopted", "epoch_opened", "seal_requested", "epoch_sealed", "step_folded", "epoch_proven",
    "epoch_submitted", "submission_superseded", "epoch_settled", "epoch_reorged", "epoch_final",
    "settlement_logged", "equivocation"];
  // At most one fetch in this time, however much happens.
  const PAUSE_MS = 700;
  const state = document.getElementById("live");
  let waiting = false;
  let running = false;

  const say = (text, tone) => {
    state.dataset.tone = tone;
    state.textContent = text;
  };

  // The numbers of a part, so that the ones that changed can be shown.
  const figures = (part) => [...part.querySelectorAll(".figure")];

  const replace = (old, fresh) => {
    if (old.outerHTML === fresh.outerHTML || old.contains(document.activeElement) &&
        document.activeElement.matches("a, button")) return;
    const before = figures(old).map((figure) => figure.textContent);
    const scrolls = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((box, n) => { box.scrollLeft = scrolls[n] || 0; });
    const after = figures(fresh);
    if (after.length === before.length) {
      after.forEach((figure, n) => {
        if (figure.textContent !== before[n]) figure.classList.add("changed");
      });
    }
  };

  const refresh = async () => {
    if (running) { waiting = true; return; }
    running = true;
    waiting = false;
    try {
      const answer = await fetch("/", { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelectorAll("[data-live]").forEach((part) => {
        const fresh = page.getElementById(part.id);
        if (fresh) replace(part, document.importNode(fresh, true));
      });
      const time = page.querySelector("#live time");
      say(`Live. As of ${time ? time.textContent : "now"}.`, "good");
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
