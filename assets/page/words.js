// The copy in the visitor's language, as the server chose it.

const answer = await fetch("words.json");
const texts = await answer.json();

export const language = answer.headers.get("Content-Language");
document.documentElement.lang = language;

/** The sentence of a key, as plain text, filled in. */
export function say(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
