// What happens on the desk, as it happens. A browser opens only six connections to one
// host, so of all open pages only one holds the stream: whoever has the lock. It passes
// on what it hears, and when it is closed the next one takes over where it left off.

import { get } from './api.js';

const listeners = new Set();
const channel = new BroadcastChannel('carelog.live');
const silence = 40000; // ms without a byte after which the stream is taken for dead
const state = { lastID: '', status: null, open: [], contact: 'connecting' };
let leading = false;

/**
 * onLive calls f with each message: {kind: 'status', status}, {kind: 'change', change},
 * {kind: 'open', open}, {kind: 'reset'} or {kind: 'contact', contact: 'live' | 'stale' | 'login'}. It returns a
 * function that ends the calls.
 */
export function onLive(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

/** status is what was last heard; null before the first time. */
export function status() {
  return state.status;
}

/** open is which dossiers are open, here and elsewhere: {patient, author, device} each. */
export function open() {
  return state.open;
}

/** heardOpen takes what is open from an answer; without contact nobody knows. */
export function heardOpen(open) {
  if (state.contact === 'live') hear({ kind: 'open', open });
}

/** refreshStatus asks for the status at once, after something that changed it. */
export async function refreshStatus() {
  hear({ kind: 'status', status: await get('/api/status') });
}

/** startLive begins to listen. */
export function startLive() {
  channel.addEventListener('message', ({ data }) => {
    if (data.kind === 'hello') {
      if (leading) tellAll();
    } else hear(data);
  });
  channel.postMessage({ kind: 'hello' });
  // Who leads may be there and not answer: what the page came with grows old unseen.
  setTimeout(() => state.contact === 'connecting' && hear({ kind: 'contact', contact: 'stale' }), silence);
  if (!navigator.locks) {
    lead(new AbortController().signal); // an old browser: every page listens for itself
    return;
  }
  queue();
  window.addEventListener('pageshow', ({ persisted }) => persisted && queue());
}

// queue waits for its turn to lead, which ends when the page is left. The lock is given back
// by hand: Chromium may keep that of a page which is gone from everybody else.
function queue() {
  const leaving = new AbortController();
  window.addEventListener('pagehide', () => leaving.abort(), { once: true });
  const left = new Promise((resolve) => leaving.signal.addEventListener('abort', resolve));
  navigator.locks.request('carelog.live', { signal: leaving.signal }, () => Promise.race([lead(leaving.signal), left])).catch(() => {});
}

// lead listens, again and again, until it is told to leave.
async function lead(leaving) {
  leading = true;
  leaving.addEventListener('abort', () => { leading = false; });
  for (let pause = 500; !leaving.aborted;) {
    let heard = false;
    try {
      heard = await listen(leaving);
    } catch {
      // Whatever broke the stream, the answer is the same: say so and try again.
    }
    if (leaving.aborted) return;
    if (heard) pause = 500;
    if (state.contact !== 'login') spread({ kind: 'contact', contact: 'stale' });
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 8000);
  }
}

// listen reads one stream to its end, and tells whether there was one.
async function listen(leaving) {
  const abort = new AbortController();
  leaving.addEventListener('abort', () => abort.abort(), { signal: abort.signal });
  let watch = setTimeout(() => abort.abort(), silence);
  try {
    const headers = state.lastID ? { 'Last-Event-ID': state.lastID } : {};
    const response = await fetch('/api/changes', { headers, signal: abort.signal });
    if (!response.ok) {
      if (response.status === 401) spread({ kind: 'contact', contact: 'login' });
      return false;
    }
    spread({ kind: 'contact', contact: 'live' });
    // The first stream begins at its own moment, and what the page read is a little older.
    if (!state.lastID) spread({ kind: 'reset' });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      clearTimeout(watch);
      watch = setTimeout(() => abort.abort(), silence);
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      blocks.forEach(take);
    }
  } finally {
    clearTimeout(watch);
  }
}

function take(block) {
  const fields = Object.fromEntries(block.split('\n').map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  }));
  if (!fields.event) return; // the heartbeat
  const data = JSON.parse(fields.data);
  const message = { kind: fields.event, id: fields.id };
  if (message.kind === 'status') message.status = data;
  if (message.kind === 'change') message.change = data;
  if (message.kind === 'open') message.open = data.open;
  spread(message);
}

function spread(message) {
  hear(message);
  channel.postMessage(message);
}

function tellAll() {
  channel.postMessage({ kind: 'contact', contact: state.contact });
  if (state.status) channel.postMessage({ kind: 'status', status: state.status, id: state.lastID });
  channel.postMessage({ kind: 'open', open: state.open });
}

function hear(message) {
  if (message.id) state.lastID = message.id;
  if (message.kind === 'status') state.status = message.status;
  if (message.kind === 'open') state.open = message.open;
  if (message.kind === 'contact') {
    if (message.contact === state.contact) return;
    state.contact = message.contact;
    // Each stream begins with what is open; without one nobody knows.
    if (message.contact !== 'live') state.open = [];
  }
  for (const f of [...listeners]) f(message);
}
