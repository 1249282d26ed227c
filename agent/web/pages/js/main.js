// The frame around every page, and the way to each.

import { h, s, show } from './dom.js';
import { findButton } from './find.js';
import { languagePicker } from './language.js';
import { light } from './light.js';
import { onLive, startLive } from './live.js';
import { forget } from './names.js';
import { patients } from './patients.js';
import { start } from './router.js';
import { picker } from './user.js';
import { number, words } from './words.js';

document.querySelector('.skip').textContent = words.skip;

const open = h('span', { class: 'figure attention', hidden: true });
const behind = h('span', { class: 'figure', hidden: true });
show(document.getElementById('top'),
  h('a', { class: 'brand', href: '/' }, mark(), words.product),
  h('nav', { 'aria-label': words.nav.label },
    h('a', { href: '/' }, words.nav.patients),
    h('a', { href: '/conflicts' }, words.nav.conflicts, open),
    h('a', { href: '/sumehr' }, words.nav.sumehr, behind),
    h('a', { href: '/sync' }, words.nav.synchronisation)),
  findButton(), languagePicker(), picker(), light());

const banner = document.getElementById('banner');
onLive((message) => {
  if (message.kind === 'change') forget(message.change);
  if (message.kind === 'status') {
    count(open, message.status.conflicts);
    count(behind, message.status.sumehr_behind);
  }
  if (message.kind === 'contact') {
    banner.hidden = message.contact === 'live';
    banner.textContent = words.live[message.contact] ?? '';
  }
});

// A page comes when it is opened; the one with which most days begin is here at once.
const pages = {
  conflict: () => import('./conflict.js'), conflicts: () => import('./conflicts.js'), dossier: () => import('./dossier.js'), history: () => import('./history.js'),
  newPatient: () => import('./newpatient.js'), sumehr: () => import('./sumehr.js'), sumehrs: () => import('./sumehrs.js'), synchronisation: () => import('./synchronisation.js'),
};
const page = (name) => async () => (await pages[name]())[name];
const first = start([
  ['/', () => patients],
  ['/new-patient', page('newPatient')],
  ['/patients/:id', page('dossier')],
  ['/history/:type/:id', page('history')],
  ['/conflicts', page('conflicts')],
  ['/conflicts/:type/:id', page('conflict')],
  ['/sumehr', page('sumehrs')],
  ['/sumehr/:id', page('sumehr')],
  ['/sync', page('synchronisation')],
]);
startLive();
// The others are fetched once the first stands, so that none is missing when carelog is not there for a moment.
first.then(() => {
  performance.mark('carelog.first');
  Object.values(pages).forEach((load) => load().catch(() => {})); // it is asked for again when it is opened
});

function count(figure, n) {
  figure.hidden = !n;
  figure.textContent = number(n ?? 0);
}

function mark() {
  return s('svg', { viewBox: '0 0 32 32', class: 'mark', 'aria-hidden': 'true', focusable: 'false' },
    s('rect', { width: 32, height: 32, rx: 8 }), s('path', { d: 'M9 10h14M9 16h14M9 22h8' }), s('circle', { cx: 23, cy: 22, r: 2.6 }));
}
