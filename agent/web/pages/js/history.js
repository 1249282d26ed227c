// The history of one record, as carelog writes it: which two versions are compared is chosen here.

import { later } from './dom.js';
import { titled } from './light.js';
import { onLive } from './live.js';
import { step } from './router.js';
import { markDifferences } from './textdiff.js';
import { Written } from './written.js';

/** history is the page of one record; ?from= and ?to= name the versions that are compared. */
export function history(main, { type, id }, current) {
  const page = new Written(main, `history-${type}/${id}`, () => `/fragments/history/${type}/${encodeURIComponent(id)}${location.search}`, current);
  const load = async () => {
    await page.refresh();
    if (current()) markDifferences(main);
  };
  const again = later(load, 150);
  const stop = onLive(({ kind: what, change }) => {
    if (what === 'reset' || (what === 'change' && change.type === type && change.id === id)) again();
  });
  const came = (root) => {
    titled(root.querySelector('h1').textContent);
    markDifferences(root);
    root.addEventListener('change', () => {
      const chosen = [...root.querySelectorAll('input:checked')].map((input) => [input.name, input.value]);
      step(`${location.pathname}?${new URLSearchParams(chosen)}`);
      load();
    });
  };
  return {
    ready: page.begin(came),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}
