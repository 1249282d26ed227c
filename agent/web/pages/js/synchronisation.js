// Where this desk stands, as carelog writes it: what can be done about what waits is done here.

import { fhir, post, request } from './api.js';
import { ask } from './dialog.js';
import { announce, h, seldom } from './dom.js';
import { colour } from './light.js';
import { onLive } from './live.js';
import { words } from './words.js';
import { Written } from './written.js';

const apart = 400; // ms between two drawings: while a desk catches up, its status changes all the time

/** synchronisation is the page of the light. */
export function synchronisation(main, _, current) {
  const page = new Written(main, 'sync', () => '/fragments/sync', current);
  const again = seldom(() => page.refresh(), apart);
  const stop = onLive((message) => {
    if (message.kind === 'contact') unknown(page);
    if (message.kind !== 'contact' || message.contact === 'live') again();
  });
  const came = (root) => {
    unknown(page);
    root.addEventListener('click', ({ target }) => {
      const row = target.closest('[data-record]');
      if (target.dataset.do) act[target.dataset.do](row.dataset.record, row.dataset.of, target, again);
    });
  };
  return {
    title: words.synchronisation.title, ready: page.begin(came),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}

// unknown takes back what the page says of the light where nobody knows any more whether it is so.
function unknown(page) {
  const head = page.main.querySelector('.state-head');
  if (!head || colour() !== 'unknown') return;
  page.spoiled('state');
  head.dataset.light = 'unknown';
  head.querySelector('h2').textContent = words.light.unknown;
  head.querySelector('p').textContent = words.light.meaning.unknown;
  page.main.querySelector('.state .activity')?.remove();
}

const act = {
  acknowledge: async (code, fact, button, again) => {
    const w = words.synchronisation;
    const reason = await ask({ title: w.acknowledgeTitle, text: w.acknowledgeText, field: w.reason, action: w.acknowledge });
    if (reason) await doing(button, () => post(`/api/warnings/${code}/acknowledge`, { fact, reason }), w.acknowledged, again);
  },
  retry: (event, _, button, again) => doing(button, () => post(`/api/outbox/${event}/retry`), words.synchronisation.retried, again),
  save: (event, of, button) => doing(button, () => download(event, of), '', () => {}),
  discard: async (event, _, button, again) => {
    const w = words.synchronisation;
    const reason = await ask({ title: w.discardTitle, text: w.discardText, field: w.reason, action: w.discard, danger: true });
    if (reason) await doing(button, () => post(`/api/outbox/${event}/discard`, { reason }), w.discarded, again);
  },
};

async function doing(button, f, said, again) {
  button.disabled = true;
  try {
    await f();
    if (said) announce(said);
    button.disabled = false;
  } catch (cause) {
    button.after(h('span', { class: 'error', role: 'alert' }, cause.message));
  }
  again();
}

// download gives the user what was set aside as a file, as the FHIR door gives it: with its version.
async function download(event, of) {
  const [type, id] = of.split('/');
  const { text } = await request('GET', `${fhir(type, id)}/_history/${event}`, { headers: { Accept: 'application/fhir+json' } });
  const address = URL.createObjectURL(new Blob([text], { type: 'application/fhir+json' }));
  const link = h('a', { href: address, download: `${type}-${id}-${event}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
