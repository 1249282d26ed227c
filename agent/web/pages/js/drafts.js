// What is being typed. It outlives a reload, a crash and a log-out, and goes when the desk has
// acknowledged the write or the user throws it away. localStorage is written and read at once, also
// while a page goes, and all tabs see it; what it loses when the browser dies, kept.js has.

import { put, texts } from './kept.js';

const prefix = 'carelog.draft.';
const pause = 150; // ms between a key and the disk
const patience = 10000; // ms: a slow PC that starts takes seconds for its first disk access
const dayLong = 24 * 60 * 60 * 1000; // ms: localStorage is on the disk long before
const waiting = new Map();
const known = new Map(); // by key: the draft as this page last wrote or read it
let timer = 0;

/**
 * recovered resolves once the drafts are back that a crash of the browser had taken out of localStorage, or of which an
 * older text was there; nobody waits longer for a disk that does not answer. A draft that is only a moment was saved or
 * thrown away.
 */
export const recovered = Promise.race([recover().catch(() => {}), new Promise((late) => { setTimeout(late, patience); })]);

async function recover() {
  const all = await texts().catch(() => new Map()); // without that disk there is localStorage alone, as in a private window
  for (const [key, text] of all) {
    const there = parse(localStorage.getItem(prefix + key));
    const { dossier, kept } = parse(text) ?? {};
    if (!dossier && !(Date.now() - kept < dayLong)) put(key, null).catch(() => {}); // the next start looks again
    if ((there?.kept ?? 0) >= kept || known.has(key)) continue;
    if (!dossier) {
      localStorage.removeItem(prefix + key);
      continue;
    }
    try {
      localStorage.setItem(prefix + key, text);
    } catch {
      // Without room it stays where it is.
    }
  }
}

/**
 * keep stores a draft under its key, which names the record and whoever began to type. It resolves once
 * no crash can take it any more: true, and false where something else was typed since or there is no room.
 */
export async function keep(draft) {
  waiting.delete(draft.key);
  // What another tab has typed into the same draft stays there; this one goes on under a name of its own.
  const stored = localStorage.getItem(prefix + draft.key);
  if (stored !== null && stored !== known.get(draft.key)) draft.key = `${draft.key.split('#')[0]}#${crypto.randomUUID()}`;
  draft.kept = after(draft);
  const { key, kept } = draft;
  const text = JSON.stringify(draft);
  known.set(key, text);
  try {
    localStorage.setItem(prefix + key, text);
  } catch {
    // Without room the draft still lives in the form; only a reload would lose it.
  }
  try {
    await put(key, text);
  } catch {
    return false;
  }
  return draft.kept === kept && !waiting.has(key);
}

// after is the moment of a text that takes the place of another: the greater one, also where the clock is set back.
function after(draft) {
  return Math.max(Date.now(), (draft?.kept ?? 0) + 1);
}

/** keepSoon stores a draft once the keys pause, and before the page goes; done is called with what keep says. */
export function keepSoon(draft, done) {
  waiting.set(draft.key, () => keep(draft).then(done));
  clearTimeout(timer);
  timer = setTimeout(flush, pause);
}

/** drop forgets a draft, but not what another tab has typed into it meanwhile. */
export function drop(key) {
  waiting.delete(key);
  if (localStorage.getItem(prefix + key) === known.get(key)) {
    localStorage.removeItem(prefix + key);
    // What is gone stays gone, also where a crash brings back an older localStorage.
    if (known.has(key)) put(key, JSON.stringify({ kept: after(parse(known.get(key))) })).catch(() => {}); // then it never was there
  }
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
  [...waiting.values()].forEach((store) => store());
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
