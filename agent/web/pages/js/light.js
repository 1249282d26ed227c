// The light: the one thing that every user sees, on every page and in the title.

import { post } from './api.js';
import { announce, h, show } from './dom.js';
import { onLive, refreshStatus, status } from './live.js';
import { bytes, duration, moment, number, reason, words } from './words.js';

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
    if (open) show(panel, details());
  };
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
    if (now !== shown) {
      button.dataset.light = now;
      button.title = words.light.meaning[now] ?? '';
      button.setAttribute('aria-label', words.light.open(words.light[now] ?? words.loading));
      button.querySelector('.light-word').textContent = words.light[now] ?? words.loading;
      if (shown) announce(words.light[now]);
      shown = now;
      retitle();
    }
    if (!panel.hidden && !panel.contains(document.activeElement)) show(panel, details());
  };
  onLive((message) => {
    if (message.kind === 'contact') contact = message.contact;
    if (message.kind === 'status' || message.kind === 'contact') update();
  });
  retitle();
}

/** lamp is the lamp of the light once more; it shows the light of what it stands in. */
export function lamp() {
  return document.querySelector('#light .lamp').cloneNode(true);
}

/** details is what is behind the light. */
export function details() {
  const now = status();
  if (!now) return [h('p', {}, words.light.meaning[colour()] ?? words.loading)];
  return [
    h('p', { class: 'panel-lead' }, words.light.meaning[colour()]),
    colour() === 'unknown' ? null : activity(now.activity),
    facts(now),
    warnings(now.warnings),
    h('div', { class: 'actions' }, switcher(now), h('a', { class: 'button quiet', href: '/sync' }, words.light.details)),
  ];
}

/** activity is the bar of what is being done. */
export function activity(doing) {
  if (!doing) return null;
  const known = doing.total > 0;
  return h('div', { class: 'activity' },
    h('div', { class: 'activity-line' }, h('strong', {}, words.light.activity[doing.kind] ?? doing.kind),
      h('span', {}, known ? words.light.of(doing.done, doing.total) : '')),
    h('progress', known ? { max: doing.total, value: doing.done } : {}),
    h('small', {}, [left(doing.eta_seconds), doing.rate > 0 && words.light.rate(doing.rate), doing.bytes > 0 && words.light.bytes(bytes(doing.bytes))].filter(Boolean).join(' · ')));
}

/** facts are the figures of a status. */
export function facts(now, all = false) {
  const rows = [
    [words.light.since, moment(now.since)],
    now.light === 'synchronising' && [words.light.lasts, duration(Math.max(0, (Date.now() - new Date(now.since)) / 1000))],
    now.reason && [words.light.reason, reason(now.reason, now.problem)],
    [words.light.server, now.server.url],
    [words.light.agreed, moment(now.server.agreed)],
    [words.light.queue, number(now.outbox)],
    now.prefetch && [words.light.agenda, words.light.of(now.prefetch.done, now.prefetch.total)],
    now.set_aside > 0 && [words.light.setAside, number(now.set_aside)],
    all && [words.light.position, words.light.of(now.position.sequence, now.server.sequence)],
    all && [words.light.conflicts, number(now.conflicts)],
    now.sumehr_behind > 0 && [words.light.sumehr, h('a', { href: '/sumehr' }, number(now.sumehr_behind))],
    all && [words.light.practice, now.practice],
    [words.light.device, now.device_name || now.device],
  ].filter(Boolean);
  return h('dl', { class: 'facts' }, rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** warnings are what somebody should look at. */
export function warnings(list) {
  if (!list?.length) return null;
  return h('ul', { class: 'warnings' }, list.map((w) => h('li', {}, ...warning(w), h('small', {}, ` ${moment(w.since)}`))));
}

// warning says in the language in use what is wrong and what to do; the exact words, with their
// figures, are those of carelog, in English.
function warning(w) {
  const said = words.light.warnings[w.code];
  if (!said) return [h('span', { lang: 'en' }, w.text)];
  return [said, h('details', {}, h('summary', {}, words.light.exactly), h('p', { lang: 'en' }, w.text))];
}

function left(seconds) {
  return seconds < 0 ? words.light.leftUnknown : words.light.left(duration(seconds));
}

/** switcher is the button to work offline or online. */
export function switcher(now) {
  const off = now.by_choice;
  const button = h('button', {
    type: 'button', class: off ? 'button primary' : 'button',
    onclick: async () => {
      button.disabled = true;
      try {
        await post(off ? '/api/online' : '/api/offline');
        button.blur();
        await refreshStatus();
      } catch (cause) {
        button.after(h('p', { class: 'error', role: 'alert' }, cause.message));
      } finally {
        button.disabled = false;
      }
    },
  }, off ? words.light.workOnline : words.light.workOffline);
  return button;
}

// The tab says it as well, where the page itself cannot be seen: in its title and its icon.
function retitle() {
  document.querySelector('link[rel="icon"]').href = new URL(`../icons/${colour() || 'unknown'}.svg`, import.meta.url).pathname;
  const mark = marks[colour()];
  document.title = `${mark ? `${mark} ` : ''}${pageTitle ? `${pageTitle} · ` : ''}${words.product}`;
}
