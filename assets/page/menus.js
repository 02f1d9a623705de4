// Menus that unfold (details.menu) fold up again on Esc, on a choice, and on a click elsewhere.

function findOpen() {
  return [...document.querySelectorAll("details.menu[open]")];
}

document.addEventListener("click", (event) => {
  for (const menu of findOpen()) {
    if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of findOpen()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
