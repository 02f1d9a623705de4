// What somebody writes runs in the direction of its own letters; Gradio would have all of it run from the left.

new MutationObserver((_, observer) => {
  const field = document.querySelector("#prompt textarea");
  if (!field) return;
  field.dir = "auto";
  observer.disconnect();
}).observe(document.body, { subtree: true, childList: true });
