// What was drawn in this browser: kept here and nowhere else, the newest first.
//
// An entry is {recipe, prompt, seed, time, favorite, picture}; its recipe is a link's part after the question mark, and
// its picture a small one as a data address, or empty.

import { recipeOf, watchDrawings } from "./drawing.js";
import * as keeping from "./keeping.js";

const MOST = 100;
const SIDE = 144;

export const readHistory = () => keeping.read("history").filter(isEntry);

/** Keep entries; of those that are no favorites, the newest. */
function writeHistory(entries) {
  let room = MOST;
  keeping.write("history", entries.filter((entry) => entry.favorite || room-- > 0));
}

/** Add entries that are not there yet. */
export function addEntries(added) {
  const known = new Map(readHistory().map((entry) => [entry.recipe, entry]));
  for (const entry of added.filter(isEntry)) {
    const favorite = entry.favorite || known.get(entry.recipe)?.favorite || false;
    known.set(entry.recipe, { ...entry, favorite });
  }
  writeHistory([...known.values()].sort((one, other) => other.time - one.time));
}

export function removeEntry(entry) {
  writeHistory(readHistory().filter((other) => other.recipe !== entry.recipe));
}

/** Whether somebody liked what a recipe draws. */
export const isFavorite = (recipe) => readHistory().some((entry) => entry.recipe === recipe && entry.favorite);

/** Like what a recipe draws, or no longer. */
export function setFavorite(recipe, favorite) {
  writeHistory(readHistory().map((entry) => (entry.recipe === recipe ? { ...entry, favorite } : entry)));
}

/** Like one picture of a drawing, or no longer. */
export async function setFavoriteTile(drawing, tile, favorite) {
  const recipe = recipeOf(drawing, tile);
  if (favorite) await add({ recipe, prompt: tile.prompt, seed: tile.seed }, `${tile.address}.webp`);
  setFavorite(recipe, favorite);
}

/** Whether this can be shown and used without harm: it may come from a file that anybody made. */
function isEntry(entry) {
  const texts = [entry?.recipe, entry?.prompt, entry?.seed, entry?.picture];
  return (
    texts.every((text) => typeof text === "string" && text.length < 100_000) &&
    entry.recipe.startsWith("v=1&") &&
    /^(data:image\/(webp|png);base64,[A-Za-z0-9+/=]*)?$/.test(entry.picture) &&
    Number.isFinite(entry.time)
  );
}

/** Add an entry at once, and its picture when that is there. */
async function add({ recipe, prompt, seed }, address) {
  const entry = { recipe, prompt, seed, time: Date.now(), favorite: false, picture: "" };
  addEntries([entry]);
  const picture = await shrink(address).catch(() => "");
  if (picture) addEntries([{ ...entry, picture }]);
}

/** A picture as a small data address. */
async function shrink(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SIDE;
  canvas.height = Math.round((SIDE * picture.naturalHeight) / picture.naturalWidth);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.8);
}

watchDrawings((drawing) => {
  if (drawing.recipe) add(drawing, `${drawing.folder}/grid.webp`);
});
