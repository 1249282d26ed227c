// The frame around every page, and the way to each.

import { conflict } from './conflict.js';
import { conflicts } from './conflicts.js';
import { h, s, show } from './dom.js';
import { dossier } from './dossier.js';
import { history } from './history.js';
import { findButton } from './find.js';
import { languagePicker } from './language.js';
import { light } from './light.js';
import { onLive, startLive } from './live.js';
import { forget } from './names.js';
import { newPatient, patients } from './patients.js';
import { start } from './router.js';
import { synchronisation } from './synchronisation.js';
import { picker } from './user.js';
import { number, words } from './words.js';

document.querySelector('.skip').textContent = words.skip;

const open = h('span', { class: 'figure attention', hidden: true });
show(document.getElementById('top'),
  h('a', { class: 'brand', href: '/' }, mark(), words.product),
  h('nav', { 'aria-label': words.nav.label },
    h('a', { href: '/' }, words.nav.patients),
    h('a', { href: '/conflicts' }, words.nav.conflicts, open),
    h('a', { href: '/sync' }, words.nav.synchronisation)),
  findButton(), languagePicker(), picker(), light());

const banner = document.getElementById('banner');
onLive((message) => {
  if (message.kind === 'change') forget(message.change);
  if (message.kind === 'status') {
    const n = message.status.conflicts;
    open.hidden = n === 0;
    open.textContent = number(n);
  }
  if (message.kind === 'contact') {
    banner.hidden = message.contact === 'live';
    banner.textContent = words.live[message.contact] ?? '';
  }
});

start([
  ['/', patients],
  ['/new-patient', newPatient],
  ['/patients/:id', dossier],
  ['/history/:type/:id', history],
  ['/conflicts', conflicts],
  ['/conflicts/:type/:id', conflict],
  ['/sync', synchronisation],
]);
startLive();

function mark() {
  return s('svg', { viewBox: '0 0 32 32', class: 'mark', 'aria-hidden': 'true', focusable: 'false' },
    s('rect', { width: 32, height: 32, rx: 8 }), s('path', { d: 'M9 10h14M9 16h14M9 22h8' }), s('circle', { cx: 23, cy: 22, r: 2.6 }));
}
