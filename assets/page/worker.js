// The service worker: says so when the server can't be reached. It keeps that one page and nothing else, so nothing old
// is ever shown.

const OFFLINE = "offline.html";

async function prepare() {
  const cache = await caches.open("offline");
  await cache.add(new Request(OFFLINE, { cache: "reload" }));
  await self.skipWaiting();
}

async function visit(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}

self.addEventListener("install", (event) => event.waitUntil(prepare()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate") event.respondWith(visit(event.request));
});
