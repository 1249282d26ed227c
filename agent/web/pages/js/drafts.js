// What is being typed. It outlives a reload, a crash and a log-out, and goes when the desk has
// acknowledged the write or the user throws it away.

const prefix = 'carelog.draft.';
const pause = 150; // ms between a key and the disk
const waiting = new Map();
let timer = 0;

/** keep stores a draft; its key names the record. */
export function keep(draft) {
  waiting.delete(draft.key);
  try {
    localStorage.setItem(prefix + draft.key, JSON.stringify(draft));
  } catch {
    // Without room the draft still lives in the form; only a reload would lose it.
  }
}

/** keepSoon stores a draft once the keys pause, and before the page goes. */
export function keepSoon(draft) {
  waiting.set(draft.key, draft);
  clearTimeout(timer);
  timer = setTimeout(flush, pause);
}

/** drop forgets a draft. */
export function drop(key) {
  waiting.delete(key);
  localStorage.removeItem(prefix + key);
}

/** draftsOf are the drafts of a dossier. */
export function draftsOf(dossier) {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  return keys.map((key) => parse(localStorage.getItem(key))).filter((draft) => draft?.dossier === dossier);
}

function flush() {
  clearTimeout(timer);
  [...waiting.values()].forEach(keep);
}

window.addEventListener('pagehide', flush);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
