// The frame around every page, and the way to each.

import { findButton } from './find.js';
import { languagePicker } from './language.js';
import { light } from './light.js';
import { onLive, startLive } from './live.js';
import { forget } from './names.js';
import { patients } from './patients.js';
import { picker } from './picker.js';
import { start } from './router.js';
import { number, words } from './words.js';

const open = document.getElementById('count-conflicts');
const behind = document.getElementById('count-sumehr');
findButton();
languagePicker();
picker();
light();

const banner = document.getElementById('banner');
onLive((message) => {
  if (message.kind === 'change') forget(message.change);
  if (message.kind === 'status') {
    count(open, message.status.conflicts);
    count(behind, message.status.sumehr_behind);
  }
  if (message.kind === 'contact') {
    document.getElementById('written')?.remove(); // from here on the page knows whether it is live
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
