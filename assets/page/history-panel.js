// The panel with what was drawn and shared here: to use again, to like, to carry to another browser, to delete.

import { make, makeButton, makeCheckbox, openDialog, tell } from "./elements.js";
import { addEntries, readHistory, removeEntry, setFavorite } from "./history.js";
import * as keeping from "./keeping.js";
import { offerFile } from "./outward.js";
import { addShares, deleteShare, readShares } from "./share.js";
import { language, say } from "./words.js";

const MOST_BYTES = 8 * 2 ** 20;

export function openHistory() {
  const only = makeCheckbox(say("history.only"), false, { onchange: () => update() });
  const entries = make("ul", { class: "entries" });
  const shares = make("div");
  const withShares = makeCheckbox(say("history.export_shares"), true);
  openDialog(say("history.title"), "history", make("p", { class: "note" }, say("history.where")), only, entries, shares, listTools());
  update();

  function update() {
    const chosen = readHistory().filter((entry) => entry.favorite || !only.firstChild.checked);
    entries.replaceChildren(...chosen.map(showEntry));
    if (!chosen.length) entries.append(make("li", { class: "note" }, say("history.none")));
    shares.replaceChildren(...showShares());
  }

  function showEntry(entry) {
    const label = say("history.favorite", { prompt: entry.prompt });
    const like = makeButton("★", () => (setFavorite(entry.recipe, !entry.favorite), update()), {
      class: "action star",
      "aria-pressed": String(entry.favorite),
      "aria-label": label,
    });
    const remove = makeButton("×", () => (removeEntry(entry), update()), {
      "aria-label": say("history.remove", { prompt: entry.prompt }),
    });
    const date = new Date(entry.time).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
    return make(
      "li",
      {},
      make(
        "a",
        { href: `?${entry.recipe}` },
        entry.picture && make("img", { src: entry.picture, alt: "" }),
        make("span", {}, make("b", { dir: "auto" }, entry.prompt), make("small", {}, date)),
      ),
      like,
      remove,
    );
  }

  function showShares() {
    const shared = readShares();
    if (!shared.length) return [];
    const items = shared.map((share) => {
      const remove = makeButton(say("share.delete"), async () => {
        try {
          await deleteShare(share);
          update();
          tell(say("share.deleted"));
        } catch (error) {
          tell(error.message, { wrong: true });
        }
      });
      const link = { href: share.url, target: "_blank", rel: "noopener", dir: "auto" };
      return make("li", {}, make("a", link, share.text), remove);
    });
    return [make("h3", {}, say("history.shares")), make("ul", { class: "entries" }, items), withShares];
  }

  function listTools() {
    const file = make("input", { type: "file", accept: "application/json", hidden: true, onchange: read });
    const empty = makeButton(say("history.clear"), () => {
      if (empty.dataset.sure) {
        keeping.clear("history");
        update();
        tell(say("history.cleared"));
      }
      empty.dataset.sure = empty.dataset.sure ? "" : "yes";
      empty.textContent = say(empty.dataset.sure ? "history.clear_sure" : "history.clear");
    });
    return make(
      "div",
      { class: "actions" },
      makeButton(say("history.export"), () => save(withShares.firstChild.checked)),
      makeButton(say("history.import"), () => file.click()),
      empty,
      file,
    );
  }

  async function read(event) {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    try {
      if (file.size > MOST_BYTES) throw new Error();
      const { history, shares } = JSON.parse(await file.text());
      addEntries(history);
      addShares(shares);
      update();
      tell(say("history.imported"));
    } catch {
      tell(say("history.not_ours"), { wrong: true });
    }
  }
}

/** Shared pages go with what deletes them, or not at all: without it, another browser could not take them back. */
function save(withShares) {
  const content = JSON.stringify({ history: readHistory(), shares: withShares ? readShares() : [] });
  offerFile(new Blob([content], { type: "application/json" }), "dalle-mini-history.json");
}
