// The share dialog: a page of its own for a drawing or for one picture of it, and ways to send it.

import { findDrawing, linkTo, nameFile, recipeOf } from "./drawing.js";
import { make, makeButton, makeCheckbox, makeDownload, openDialog, tell } from "./elements.js";
import * as keeping from "./keeping.js";
import { canCopyPictures, copyPicture, copyText, fetchFile, fitSheet, listNetworks, openSheet } from "./outward.js";
import { send } from "./server.js";
import { language, say } from "./words.js";

/** Pages that were shared from this browser, the newest first, with their delete tokens. */
export const readShares = () => keeping.read("shares").filter((share) => share.expires * 1000 > Date.now());

/** Add pages that another browser kept. */
export function addShares(shares) {
  const known = readShares();
  const isPage = ({ id, url, text, delete_token: token, expires }) =>
    [id, url, text, token].every((value) => typeof value === "string") &&
    /^https?:\/\//.test(url) &&
    Number.isFinite(expires) &&
    known.every((share) => share.id !== id);
  keeping.write("shares", [...known, ...shares.filter(isPage)]);
}

/** Delete a shared page; throws where the server refuses. */
export async function deleteShare(share) {
  const body = new URLSearchParams({ token: share.delete_token });
  const answer = await fetch(`g/${encodeURIComponent(share.id)}/delete`, { method: "POST", body });
  if (!answer.ok && answer.status !== 404 && answer.status !== 410) throw new Error(say("server.failed"));
  keeping.write("shares", readShares().filter((other) => other.id !== share.id));
}

/** Open the dialog for the drawing that is to be seen, or for the picture of it with that index. */
export function openShare(picture = null) {
  const drawing = findDrawing();
  if (!drawing) return;
  const one = picture !== null;
  const stem = one ? `${drawing.folder}/${picture}` : `${drawing.folder}/grid`;
  const { prompt, seed } = one ? drawing.tiles[picture] : drawing;
  const name = nameFile(prompt, one ? `seed ${seed}` : `grid seed ${seed}`);
  const subject = { drawing, picture, address: `${stem}.png`, name };
  // Fetched at once, for browsers open the share sheet only soon after a click.
  const file = fetchFile(subject.address, name);
  file.catch(() => {});

  const told = makeCheckbox(say("share.tell_prompt"), true);
  const hidden = makeCheckbox(say("share.noindex"), true);
  const go = makeButton(say("share.go"), () => publish(), { class: "action primary" });
  const form = make("div", { class: "choices" }, told, hidden, go);
  const after = make("div", { class: "after" });
  openDialog(
    say("share.title"),
    "share",
    make("img", { class: "preview", src: `${stem}.webp`, alt: one ? drawing.tiles[picture].alt : prompt }),
    form,
    after,
    listWithoutPage(subject, file),
  );

  async function publish() {
    go.disabled = true;
    tell(say("share.making"));
    try {
      const show_prompt = told.firstChild.checked;
      const wish = { picture, show_prompt, noindex: hidden.firstChild.checked };
      const share = await (await send(`${drawing.folder}/shares`, wish)).json();
      share.text = show_prompt ? say("share.text", { prompt }) : say("share.text_secret");
      keeping.write("shares", [share, ...readShares()]);
      after.replaceChildren(describe(share, form, after));
      form.hidden = true;
      await handOver(share, await file);
    } catch (error) {
      tell(error.message, { wrong: true });
    } finally {
      go.disabled = false;
    }
  }
}

/** The first thing that anybody wants: the share sheet, else the link in the clipboard. */
async function handOver(share, file) {
  const sheet = fitSheet({ file, text: share.text, url: share.url });
  if (sheet && (await openSheet(sheet))) return tell(say("share.shared"));
  return copyLink(share.url);
}

async function copyLink(url) {
  tell((await copyText(url)) ? say("share.link_copied") : say("share.copy_yourself"));
  document.querySelector("dialog .address")?.select();
}

/** A page that was made: its address, where to send it, and how to take it back. */
function describe(share, form, after) {
  const address = make("input", { class: "address", readonly: true, value: share.url, "aria-label": say("share.address") });
  const until = new Date(share.expires * 1000).toLocaleDateString(language, { dateStyle: "long" });
  return make(
    "div",
    {},
    address,
    make(
      "div",
      { class: "actions" },
      makeButton(say("share.copy_link"), () => copyLink(share.url)),
      make("a", { class: "action", href: share.url, target: "_blank", rel: "noopener" }, say("share.open")),
      makeButton(say("share.delete"), () => takeBack(share, form, after)),
    ),
    listNetworks(share.url, share.text),
    make("p", { class: "note" }, say("share.until", { date: until })),
  );
}

async function takeBack(share, form, after) {
  try {
    await deleteShare(share);
    after.replaceChildren();
    form.hidden = false;
    tell(say("share.deleted"));
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}

/** What needs no page: the picture itself, and the link that draws it again. */
function listWithoutPage({ drawing, picture, address, name }, file) {
  const recipe = linkTo(picture === null ? drawing.recipe : recipeOf(drawing, drawing.tiles[picture]));
  const copy = async () => tell(say((await copyPicture(file)) ? "share.picture_copied" : "share.picture_kept"));
  const copyRecipe = async () => {
    if (await copyText(recipe)) tell(say("share.recipe_copied"));
    else prompt(say("share.copy_yourself"), recipe);
  };
  return make(
    "div",
    { class: "actions" },
    canCopyPictures && makeButton(say("share.copy_picture"), copy),
    makeDownload(say("download"), address, name),
    recipe && makeButton(say("share.copy_recipe"), copyRecipe, { title: say("share.recipe_info") }),
  );
}
