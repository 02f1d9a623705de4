// A blurred picture that somebody wants to see takes the focus from the button that is gone.

// This event does not bubble.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches?.("details.cover[open]")) return;
    const picture = target.querySelector("img");
    picture.tabIndex = -1;
    picture.focus();
  },
  true,
);
