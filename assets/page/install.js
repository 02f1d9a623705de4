// Makes the page an app that can be installed, and that says so when its server is away.

// Gradio's page names its manifest by its place on the host; the page may lie deeper.
document.querySelector("link[rel=manifest]")?.setAttribute("href", "manifest.json");

// Only where the connection is safe, or on one's own machine. Without it all works the same.
navigator.serviceWorker?.register("worker.js").catch(() => {});
