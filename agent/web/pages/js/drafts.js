// What is being typed. It outlives a reload, a crash and a log-out, and goes when the desk has
// acknowledged the write or the user throws it away.

const prefix = 'carelog.draft.';
const pause = 150; // ms between a key and the disk
const waiting = new Map();
const known = new Map(); // by key: the draft as this page last wrote or read it
let timer = 0;

/** keep stores a draft under its key, which names the record and whoever began to type. */
export function keep(draft) {
  waiting.delete(draft.key);
  // What another tab has typed into the same draft stays there; this one goes on under a name of its own.
  const stored = localStorage.getItem(prefix + draft.key);
  if (stored !== null && stored !== known.get(draft.key)) draft.key = `${draft.key.split('#')[0]}#${crypto.randomUUID()}`;
  const text = JSON.stringify(draft);
  known.set(draft.key, text);
  try {
    localStorage.setItem(prefix + draft.key, text);
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

/** drop forgets a draft, but not what another tab has typed into it meanwhile. */
export function drop(key) {
  waiting.delete(key);
  if (localStorage.getItem(prefix + key) === known.get(key)) localStorage.removeItem(prefix + key);
  known.delete(key);
}

/** draftsOf are the drafts of a dossier. */
export function draftsOf(dossier) {
  const texts = Object.keys(localStorage).filter((key) => key.startsWith(prefix)).map((key) => localStorage.getItem(key));
  return texts.flatMap((text) => {
    const draft = parse(text);
    if (draft?.dossier !== dossier) return [];
    known.set(draft.key, text);
    return [draft];
  });
}

function flush() {
  clearTimeout(timer);
  [...waiting.values()].forEach(keep);
}

window.addEventListener('pagehide', flush);
document.addEventListener('visibilitychange', flush); // some browsers end a page that is not seen without a word

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
