// The privacy tab of a dossier: whether the hub shall have its Sumehr. How that stands, and what allows it, is
// written by carelog.

import { fragment } from './api.js';
import { holds, isWish, refuses, wish } from './consents.js';
import { announce, h, seldom, show } from './dom.js';
import { publish, revokeButton, setUp } from './publishing.js';
import { words } from './words.js';

const apart = 1000; // ms between two questions how the Sumehr stands: while a desk catches up, its status changes all the time

/**
 * privacy makes the choice once: {element, draw(records), leave}. torn is where carelog says that it is
 * in conflict or waits, and changed is called after a write.
 */
export function privacy(patient, torn, { changed }) {
  const w = words.privacy;
  const hub = h('section', { class: 'card section', 'aria-labelledby': 'title-hub' });
  hub.addEventListener('click', ({ target }) => {
    if (target.dataset.do === 'set-up') setUp();
    if (target.dataset.do === 'publish') publish(target, patient, changed);
  });

  let listed = null; // what draw was last given
  let records = [];
  let busy = false;
  let trouble = null; // of the last write: {text, conflict}
  let drawn = '';
  const draw = (all) => {
    ask(); // its answer comes after the records are taken
    if (all === listed) return; // only how the Sumehr stands may have changed
    listed = all;
    records = all.filter((r) => r.heads.some(({ content }) => isWish(content)));
  };
  const ask = seldom(async () => {
    try {
      drawHub((await fragment(`/fragments/sumehr/${encodeURIComponent(patient)}`)).firstElementChild);
    } catch (cause) {
      if (cause.status === 404) drawHub(null); // this desk keeps no account of it
      else announce(cause.message); // what is on the page stays
    }
  }, apart);

  const drawHub = (standing) => {
    if (busy) return; // what is drawn takes clicks; act asks again
    const active = (refusal) => records.some((r) => r.heads.some(({ content }) => isWish(content) && holds(content) && refuses(content) === refusal));
    if (trouble?.conflict && !records.some((r) => r.conflict)) trouble = null; // it was settled
    const on = standing ? standing.dataset.wished !== undefined : active(false);
    const refused = standing ? standing.dataset.refused !== undefined : active(true);
    const now = JSON.stringify([standing?.outerHTML, records.map((r) => r.heads), trouble]);
    if (now === drawn) return; // no button is taken from under a hand for nothing
    drawn = now;
    const held = hub.contains(document.activeElement) ? document.activeElement.dataset.act : '';
    show(hub,
      h('div', { class: 'section-head' }, h('h2', { id: 'title-hub' }, words.sumehr.longTitle), h('a', { class: 'button small quiet', href: `/sumehr/${patient}` }, words.sumehr.see)),
      h('div', { class: 'switch-line' },
        h('button', { type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(on), 'aria-labelledby': 'wish-label', dataset: { act: 'wish' }, onclick: () => act(() => wish(patient, records, !on)) }),
        h('span', { id: 'wish-label' }, w.wish), torn()),
      trouble && h('p', { class: 'error', role: 'alert' }, trouble.text, trouble.conflict && [' ', h('a', { href: trouble.conflict }, words.synchronisation.toConflicts)]),
      refused && h('p', { class: 'note' }, w.refused),
      standing ? [...standing.children] : h('p', { class: 'nothing' }, words.sumehr.noTable),
      h('div', { class: 'actions' },
        !on && standing?.dataset.held !== undefined && revokeButton(patient, changed),
        h('button', { type: 'button', class: 'button small', dataset: { act: 'refuse' }, onclick: () => act(() => wish(patient, records, !refused, true)) }, refused ? w.noMore : w.refuse)));
    if (held) hub.querySelector(`[data-act="${held}"]`)?.focus();
  };

  const act = async (write) => {
    if (busy) return;
    busy = true;
    trouble = null;
    try {
      if (!await write()) throw new Error(words.form.nothing);
      announce(words.form.saved);
    } catch (cause) {
      trouble = { text: cause.status === 412 ? words.stale.title : cause.message, conflict: cause.conflict };
    }
    busy = false;
    ask.hurry(); // who acted does not wait
    changed();
  };
  return { element: hub, draw, leave: ask.cancel };
}
