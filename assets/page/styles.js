// Style chips add words to the prompt, or take them out. One is pressed as long as its words stand in the prompt, whoever
// wrote them.

const LETTER = "[\\p{L}\\p{N}]";
const findField = () => document.querySelector("#prompt textarea");

/** Where a style stands in a prompt as words of its own, with what parts it from the words before. */
function makePattern(style) {
  const words = style.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`[\\s,]*(?<!${LETTER})${words}(?!${LETTER})`, "giu");
}

function toggle(style) {
  const field = findField();
  const without = field.value.replace(makePattern(style), "").replace(/^[\s,]+/, "");
  const before = field.value.replace(/[\s,]+$/, "");
  const isThere = makePattern(style).test(field.value);
  field.value = isThere ? without : [before, style].filter(Boolean).join(", ");
  // Gradio listens to what is typed.
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function update() {
  const prompt = findField()?.value ?? "";
  for (const chip of document.querySelectorAll("#styles [data-style]")) {
    const pressed = String(makePattern(chip.dataset.style).test(prompt));
    if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
  }
}

document.addEventListener("click", ({ target }) => {
  const chip = target.closest?.("#styles .chip");
  if (chip?.dataset.style) toggle(chip.dataset.style);
  else if (chip) chip.setAttribute("aria-expanded", String(chip.getAttribute("aria-expanded") !== "true"));
});
document.addEventListener("input", ({ target }) => target === findField() && update());

// An example or a link fills the box in without a word, but changes the page, too.
new MutationObserver(() => requestAnimationFrame(update)).observe(document.body, { subtree: true, childList: true });
update();
