// Ways out of the page: the system's share sheet, the clipboard, and other sites.

import { make } from "./elements.js";
import { ask } from "./server.js";

/** A picture as a file to hand over. */
export async function fetchFile(address, name) {
  const content = await (await ask(address)).blob();
  return new File([content], name, { type: content.type });
}

/** Download what takes a while to make; throws where it can't be had, instead of keeping an error as a file. */
export async function saveFile(address, name) {
  offerFile(await (await ask(address)).blob(), name);
}

/** Let the browser download what is here already. */
export function offerFile(content, name) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** What the system's share sheet takes of a picture, a text and a link; null where there is none. */
export function fitSheet({ file, text, url }) {
  const whole = { files: [file], text, url };
  if (navigator.canShare?.(whole)) return whole;
  const alone = { files: [file] };
  if (navigator.canShare?.(alone)) return alone;
  return url && navigator.share ? { text, url } : null;
}

/** Open the share sheet; false where it was refused or closed. */
export async function openSheet(data) {
  try {
    await navigator.share(data);
    return true;
  } catch {
    return false;
  }
}

/** Put a text into the clipboard; false where the browser forbids it. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export const canCopyPictures = Boolean(window.ClipboardItem && navigator.clipboard?.write);

/** Put a PNG, or what will become one, into the clipboard; false where the browser forbids it. */
export async function copyPicture(png) {
  try {
    // Safari takes only a promise, and only at once.
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    return true;
  } catch {
    return false;
  }
}

const NETWORKS = {
  X: (url, text) => `https://x.com/intent/post?text=${text}&url=${url}`,
  Bluesky: (url, text) => `https://bsky.app/intent/compose?text=${text}%20${url}`,
  Facebook: (url) => `https://www.facebook.com/sharer/sharer.php?u=${url}`,
  Reddit: (url, text) => `https://www.reddit.com/submit?url=${url}&title=${text}`,
  WhatsApp: (url, text) => `https://wa.me/?text=${text}%20${url}`,
  Telegram: (url, text) => `https://t.me/share/url?url=${url}&text=${text}`,
};

/** Links to other sites; nothing is loaded from them until somebody follows one. */
export function listNetworks(url, text) {
  const links = Object.entries(NETWORKS).map(([name, address]) => {
    const href = address(encodeURIComponent(url), encodeURIComponent(text));
    return make("li", {}, make("a", { href, target: "_blank", rel: "noopener noreferrer", class: "action" }, name));
  });
  return make("ul", { class: "networks" }, links);
}
