// The light: the one thing that every user sees, on every page and in the title.

import { fragment, post } from './api.js';
import { announce, h, seldom, show } from './dom.js';
import { onLive, refreshStatus, status } from './live.js';
import { words } from './words.js';

const apart = 400; // ms between two drawings of what is behind the light

// The light within the title, where there is no colour.
const marks = { online: '●', synchronising: '◐', offline: '○', unknown: '?' };

// What the light was when carelog sent the page: nothing is newer before the stream begins.
const given = document.getElementById('light').dataset.light;

let contact = 'connecting';
let pageTitle = '';

/** colour is what the light shows: the desk's state, or that it is not known. */
export function colour() {
  if (contact === 'connecting') return given;
  return contact === 'live' ? status()?.light ?? given : 'unknown';
}

// meaning is the light in a sentence: the same as carelog writes it.
function meaning() {
  const now = colour();
  return words.light.meaning[now !== 'unknown' && status()?.problem?.code === 'revoked' ? 'revoked' : now];
}

/** titled gives the page its title, behind the mark of the light. */
export function titled(title) {
  pageTitle = title;
  retitle();
}

/** light brings the light to life: it stands on the page as carelog sent it. */
export function light() {
  const button = document.getElementById('light');
  const panel = document.getElementById('light-details');
  const box = button.parentElement;

  button.addEventListener('click', () => toggle());
  const toggle = (open = panel.hidden) => {
    panel.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) {
      if (!panel.firstChild) show(panel, h('p', {}, meaning() ?? words.loading));
      draw();
    }
  };
  // What is behind the light is written by carelog; nobody knows it without contact.
  const draw = seldom(async () => {
    try {
      if (colour() === 'unknown') throw new Error(words.light.meaning.unknown);
      const now = await fragment('/fragments/light');
      if (colour() === 'unknown' || panel.contains(document.activeElement)) return;
      show(panel, now);
    } catch (cause) {
      show(panel, h('p', { class: 'panel-lead' }, cause.message));
    }
  }, apart);
  document.addEventListener('click', ({ target }) => target.dataset?.switch && work(target));
  document.addEventListener('click', (event) => {
    if (!panel.hidden && !event.composedPath().includes(box)) toggle(false);
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !panel.hidden) {
      toggle(false);
      button.focus();
    }
  });

  let shown = colour();
  const update = () => {
    const now = colour();
    if (status() || now !== shown) button.title = meaning() ?? '';
    if (now !== shown) {
      button.dataset.light = now;
      button.setAttribute('aria-label', words.light.open(words.light[now] ?? words.loading));
      button.querySelector('.light-word').textContent = words.light[now] ?? words.loading;
      if (shown) announce(words.light[now]);
      shown = now;
      retitle();
    }
    if (!panel.hidden) draw();
  };
  onLive((message) => {
    if (message.kind === 'contact') contact = message.contact;
    if (message.kind === 'status' || message.kind === 'contact') update();
  });
  retitle();
}

// work has the desk work offline or online, as the button says that was pressed, be it here or on a page.
async function work(button) {
  button.disabled = true;
  try {
    await post(`/api/${button.dataset.switch}`);
    button.blur();
    await refreshStatus();
  } catch (cause) {
    button.after(h('p', { class: 'error', role: 'alert' }, cause.message));
  } finally {
    button.disabled = false;
  }
}

// The tab says it as well, where the page itself cannot be seen: in its title and its icon.
function retitle() {
  document.querySelector('link[rel="icon"]').href = new URL(`../icons/${colour() || 'unknown'}.svg`, import.meta.url).pathname;
  const mark = marks[colour()];
  document.title = `${mark ? `${mark} ` : ''}${pageTitle ? `${pageTitle} · ` : ''}${words.product}`;
}
