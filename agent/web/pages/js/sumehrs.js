// Of whom the hub does not have the newest Sumehr, as carelog writes it: what can be done about it is done here.

import { announce, later } from './dom.js';
import { onLive } from './live.js';
import { publish, setUp } from './publishing.js';
import { step } from './router.js';
import { words } from './words.js';
import { Written } from './written.js';

const hubEvery = 10000; // ms: what the hub answers changes no record

/** sumehrs is the page of the table. */
export function sumehrs(main, _, current) {
  let more = '';
  const page = new Written(main, 'sumehrs', () => more || `/fragments/sumehr${location.search}`, current);
  const load = async () => {
    const held = document.activeElement.closest?.('[data-patient]')?.dataset.patient;
    await page.refresh();
    if (held && current() && !main.querySelector(`[data-patient="${CSS.escape(held)}"]`)) announce(words.sumehr.gone);
  };
  const again = later(load, 300);
  const stop = onLive((message) => message.kind !== 'contact' && again());
  const clock = setInterval(load, hubEvery);
  const came = (root) => {
    root.addEventListener('change', ({ target }) => {
      more = '';
      step(target.value ? `/sumehr?reason=${encodeURIComponent(target.value)}` : '/sumehr');
      load();
    });
    root.addEventListener('click', ({ target }) => {
      if (target.dataset.do === 'set-up') setUp();
      if (target.dataset.do === 'publish') publish(target, target.closest('[data-patient]').dataset.patient, again);
      if (target.dataset.more) {
        more = target.dataset.more;
        load();
      }
    });
  };
  return {
    title: words.sumehr.title, ready: page.begin(came),
    leave: () => {
      stop();
      clearInterval(clock);
      again.cancel();
    },
  };
}
