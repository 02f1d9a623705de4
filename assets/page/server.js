// What scripts ask the server for. Whatever goes wrong becomes an error whose message is a sentence.

import { say } from "./words.js";

/** The answer to a request; throws where it is an error. */
export async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error(say("server.away"));
  }
  if (!answer.ok) throw new Error(await explain(answer));
  return answer;
}

/** Send values as JSON. */
export function send(address, values) {
  const headers = { "Content-Type": "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(values) });
}

async function explain(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!body.error) return say("server.failed");
  return [body.error.message, body.error.hint].filter(Boolean).map(asSentence).join(" ");
}

function asSentence(text) {
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
