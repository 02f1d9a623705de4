// The finished drawing that is to be seen, read from the page.

/** Its name, prompt, seed, recipe link and tiles; null while there is none. */
export function findDrawing() {
  const grid = document.querySelector("#grid .grid[data-drawing]");
  if (!grid) return null;
  const { drawing: name, prompt, seed, recipe, tokens } = grid.dataset;
  const tiles = [...grid.querySelectorAll(".tile")].map((tile) => readTile(name, prompt, tile));
  return { name, prompt, seed, recipe, tokens: Number(tokens), tiles, folder: `pictures/${name}` };
}

/** A template's pictures have prompts of their own; on the way to another prompt, they have gone a `share` of it. */
function readTile(name, template, tile) {
  const { index, seed, mark, share, prompt = template } = tile.dataset;
  const reason = tile.querySelector(".cover span")?.textContent ?? "";
  const label = tile.querySelector(".label")?.textContent ?? "";
  const address = `pictures/${name}/${index}`;
  return { index: Number(index), seed, mark, share, prompt, label, reason, alt: tile.querySelector("img").alt, address };
}

/** The recipe of one picture of a drawing, alone; "" where the drawing has none. */
export function recipeOf(drawing, tile) {
  if (!drawing.recipe) return "";
  const values = new URLSearchParams(drawing.recipe);
  if (tile.share) values.set("morph_share", tile.share);
  else {
    values.set("prompt", tile.prompt);
    values.delete("morph_to");
  }
  values.delete("template");
  values.set("seed", tile.seed);
  values.set("images", 1);
  values.set("candidates", 1);
  values.delete("variety");
  return values.toString();
}

/** The one prompt that says most of what a picture was drawn from. */
export function promptOf(drawing, tile) {
  if (!tile.share) return tile.prompt;
  return Number(tile.share) < 0.5 ? drawing.prompt : new URLSearchParams(drawing.recipe).get("morph_to") ?? drawing.prompt;
}

/** The full link of a recipe; "" where the prompt is too long for one. */
export function linkTo(recipe) {
  return recipe && new URL(`?${recipe}`, document.baseURI).href;
}

/** A file's name, as the server makes them: what can be kept of the prompt, and what the file is. */
export function nameFile(prompt, detail, kind = "png") {
  const kept = `${prompt.toLowerCase().slice(0, 60)} ${detail}`.replace(/[^a-z0-9]+/g, "-");
  return `${kept.replace(/^-+|-+$/g, "")}.${kind}`;
}

/** Call back with every drawing that is finished from now on. */
export function watchDrawings(callback) {
  let last = findDrawing()?.name;
  new MutationObserver(() => {
    const drawing = findDrawing();
    if (drawing && drawing.name !== last) {
      last = drawing.name;
      callback(drawing);
    }
  }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-drawing"] });
}
