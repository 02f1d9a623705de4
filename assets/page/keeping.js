// What this browser keeps, and nobody else: lists under names of ours. Where nothing can be kept, lists are empty.

const PREFIX = "dalle-mini.";

export function read(name) {
  try {
    const list = JSON.parse(localStorage.getItem(PREFIX + name));
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/** Keep a list; the oldest entries, which come last, give way where there is no room. */
export function write(name, list) {
  for (let kept = list; ; kept = kept.slice(0, Math.floor(kept.length / 2))) {
    try {
      return localStorage.setItem(PREFIX + name, JSON.stringify(kept));
    } catch {
      if (!kept.length) return;
    }
  }
}

export function clear(name) {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing was kept.
  }
}
