// The privacy tab of a dossier: whether the hub has its Sumehr, and what allows it.

import { holds, isConsent, isPublication, isRelation, isWish, refuses, wish } from './consents.js';
import { announce, h, show } from './dom.js';
import { revokeButton, standingOf } from './publishing.js';
import { badges, entryRow } from './registrations.js';
import { describe } from './resource.js';
import { reasonSaid, remedy } from './sumehrs.js';
import { moment, words } from './words.js';

/** ofPrivacy reports whether a record is shown here and not among the other registrations. */
export function ofPrivacy(r) {
  return r.heads.some((version) => isConsent(version.content) || isRelation(version.content) || isWish(version.content) || isPublication(version.content));
}

/**
 * privacy makes the view once: {element, draw(records, names)}. place holds the form that is
 * open; add opens one, edit and remove act on a record, changed is called after a write.
 */
export function privacy(patient, place, { add, edit, remove, changed }) {
  const w = words.privacy;
  const hub = h('section', { class: 'card section', 'aria-labelledby': 'title-hub' });
  const lists = { retrospective: h('div', {}), gmd: h('div', {}) };
  const card = (code, title) => h('section', { class: 'card section', 'aria-labelledby': `title-${code}` },
    h('div', { class: 'section-head' }, h('h2', { id: `title-${code}` }, title),
      h('button', { type: 'button', class: 'button small', 'aria-label': words.dossier.add(title), onclick: () => add(code) }, words.dossier.addShort)),
    lists[code]);
  const element = h('div', { class: 'privacy' }, hub, place, h('div', { class: 'columns' }, card('retrospective', w.consent), card('gmd', w.relation)));

  let records = [];
  let busy = false;
  let trouble = ''; // of the last write
  let drawn = '';
  let turn = 0; // an answer that comes after that of a later question is not shown
  const draw = async (all, names) => {
    records = all.filter(ofPrivacy);
    for (const [code, kind] of [['retrospective', isConsent], ['gmd', isRelation]]) {
      const found = records.filter((r) => r.heads.some((version) => kind(version.content))).map((r) => ({ ...r, said: describe(r.content) }))
        .sort((a, b) => Boolean(a.said.past) - Boolean(b.said.past) || (b.said.when ?? '').localeCompare(a.said.when ?? ''));
      show(lists[code], found.length === 0 ? h('p', { class: 'nothing' }, w.none[code])
        : h('ul', { class: 'registrations' }, found.map((r) => entryRow(r, names, { edit: () => edit(r), remove: () => remove(r) }))));
    }
    const mine = ++turn;
    try {
      const standing = await standingOf(patient);
      if (mine === turn) drawHub(standing, names);
    } catch (cause) {
      announce(cause.message); // what is on the page stays
    }
  };

  const drawHub = (standing, names) => {
    const wishes = records.filter((r) => isWish(r.content));
    const active = (refusal) => wishes.some((r) => holds(r.content) && refuses(r.content) === refusal);
    const on = standing ? standing.wish.holds : active(false);
    const refused = standing ? standing.refused : active(true);
    const now = JSON.stringify([standing, wishes.map((r) => [r.heads, r.queued]), trouble]);
    if (now === drawn) return; // no button is taken from under a hand for nothing
    drawn = now;
    const held = hub.contains(document.activeElement) ? document.activeElement.dataset.act : '';
    show(hub,
      h('div', { class: 'section-head' }, h('h2', { id: 'title-hub' }, words.sumehr.longTitle), h('a', { class: 'button small quiet', href: `/sumehr/${patient}` }, words.sumehr.see)),
      h('div', { class: 'switch-line' },
        h('button', { type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(on), 'aria-labelledby': 'wish-label', dataset: { act: 'wish' }, onclick: () => act(() => wish(patient, wishes, !on)) }),
        h('span', { id: 'wish-label' }, w.wish), wishes.map(badges)),
      trouble && h('p', { class: 'error', role: 'alert' }, trouble),
      refused && h('p', { class: 'note' }, w.refused),
      standing ? said(standing, on, names, changed) : h('p', { class: 'nothing' }, words.sumehr.noHub),
      h('div', { class: 'actions' },
        standing && !on && standing.hub && !standing.hub.revoked && revokeButton(patient, changed),
        h('button', { type: 'button', class: 'button small', dataset: { act: 'refuse' }, onclick: () => act(() => wish(patient, wishes, !refused, true)) }, refused ? w.noMore : w.refuse)));
    if (held) hub.querySelector(`[data-act="${held}"]`)?.focus();
  };

  const act = async (write) => {
    if (busy) return;
    busy = true;
    trouble = '';
    try {
      await write();
      announce(words.form.saved);
    } catch (cause) {
      trouble = cause.status === 412 ? words.stale.title : cause.message;
    }
    busy = false;
    changed();
  };
  return { element, draw };
}

// said is how the Sumehr stands, and what the hub holds.
function said(standing, on, names, changed) {
  const w = words.sumehr;
  const { hub } = standing;
  return [
    on && h('div', { class: 'standing', dataset: { reason: standing.reason } }, h('div', {}, reasonSaid(standing)), remedy(standing, changed)),
    h('dl', { class: 'facts' }, [
      [w.onHub, hub && !hub.revoked ? `${moment(hub.since, true)}${hub.author ? `, ${names.get(hub.author) ?? hub.author}` : ''}` : hub?.revoked ? words.privacy.taken(moment(hub.since, true)) : w.nothing],
      hub && !hub.revoked && [words.privacy.uri, hub.uri],
      on && standing.since && [w.behind, moment(standing.since)],
      standing.next && [w.next, moment(standing.next)],
    ].filter(Boolean).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    !on && hub && !hub.revoked && h('p', {}, words.privacy.still),
  ];
}
