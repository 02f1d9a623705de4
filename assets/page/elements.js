// Elements and dialogs. Text becomes text nodes, never HTML, so nothing that somebody typed can be a tag.

import { say } from "./words.js";

/** An element; `on…` attributes are listeners, true ones are set, false ones and undefined ones left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter(Boolean));
  return element;
}

export function makeButton(text, act, attributes = {}) {
  return make("button", { type: "button", class: "action", onclick: act, ...attributes }, text);
}

export function makeDownload(text, address, name) {
  return make("a", { class: "action", href: address, download: name }, text);
}

export function makeCheckbox(label, checked, attributes = {}) {
  return make("label", { class: "check" }, make("input", { type: "checkbox", checked, ...attributes }), label);
}

/**
 * A dialog that is open; Esc and a click beside it close it, and the focus goes back to where it was.
 * `title` is its heading, `kind` its class.
 */
export function openDialog(title, kind, ...children) {
  const heading = make("h2", { id: `${kind}-title`, tabindex: "-1" }, title);
  const close = make("button", { type: "button", class: "close", "aria-label": say("close"), title: say("close") });
  const told = make("p", { class: "told", role: "status" });
  const dialog = make(
    "dialog",
    { class: `ours ${kind}`, "aria-labelledby": heading.id },
    make("div", { class: "top" }, heading, close),
    ...children,
    told,
  );
  const before = document.activeElement;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The browser has given the focus back, unless what had it is gone. Meanwhile it may have gone elsewhere.
    const isLost = !before?.isConnected && document.activeElement === document.body;
    if (isLost) document.querySelector("#prompt textarea")?.focus();
  });
  document.querySelector(".gradio-container").append(dialog);
  dialog.showModal();
  heading.focus();
  return dialog;
}

/** Say something in the open dialog, or in the status line of the page; it is read out. */
export function tell(text, { wrong = false } = {}) {
  const dialogs = document.querySelectorAll("dialog.ours[open] > .told");
  const line = dialogs[dialogs.length - 1] ?? document.querySelector("#status [role=status]");
  line.textContent = text;
  line.classList.toggle("wrong", wrong);
}
