// The table of conflicts.

import { get, parse, readRecord } from './api.js';
import { decidedNote } from './decided.js';
import { h, later, s, show } from './dom.js';
import { filterOf, fits, queryOf } from './filter.js';
import { filterBar } from './filterbar.js';
import { onLive } from './live.js';
import { patient, where, who } from './names.js';
import { describe, personName, safety } from './resource.js';
import { rewrite } from './router.js';
import { kind, moment, number, words } from './words.js';

const atOnce = 50;

/** conflicts is the page of all conflicts. */
export function conflicts(main, _, current) {
  const list = h('div', {});
  const filter = filterOf(location.search);
  const filters = filterBar(filter, () => {
    rewrite(`/conflicts${queryOf(filter)}`);
    load();
  });
  const count = h('span', { class: 'figure attention' });
  show(main, h('div', { class: 'page-head' }, h('h1', {}, words.conflicts.title, ' ', count)), decidedNote(), filters.element, list);
  let shown = atOnce;
  const load = async () => {
    let all;
    try {
      all = (await get('/api/conflicts')).conflicts;
      await filters.offer(all);
    } catch (cause) {
      if (current() && !list.firstChild) show(list, h('p', { class: 'error' }, cause.message));
      return;
    }
    if (!current()) return;
    count.textContent = all.length > 0 ? number(all.length) : '';
    if (all.length === 0) {
      show(list, h('section', { class: 'empty card' }, h('h2', {}, words.conflicts.none), h('p', {}, words.conflicts.noneText)));
      return;
    }
    const chosen = all.filter((c) => fits(c, filter));
    if (chosen.length === 0) {
      show(list, h('p', { class: 'nothing' }, words.conflicts.noneHere));
      return;
    }
    // A row is filled in before it replaces the old ones, so that nothing flickers.
    const rows = await Promise.all(chosen.slice(0, shown).map((c) => row(c, queryOf(filter))));
    if (current()) show(list, table(rows), chosen.length > shown && more(() => { shown += atOnce; load(); }));
  };
  const again = later(load, 150);
  let known = -1;
  const stop = onLive((message) => {
    if (message.kind === 'status' && message.status.conflicts !== known) {
      known = message.status.conflicts;
      again();
    } else if (message.kind === 'reset') again();
  });
  return {
    title: words.conflicts.title, ready: load(),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}

function table(rows) {
  const w = words.conflicts;
  return [
    h('p', { class: 'lead' }, w.intro),
    h('div', { class: 'card flush scroll' }, h('table', { class: 'list conflicts' },
      h('thead', {}, h('tr', {}, [w.patient, w.record, w.who, w.where, w.when, w.versions].map((t) => h('th', { scope: 'col' }, t)), h('td', {}))),
      h('tbody', {}, rows))),
  ];
}

function more(open) {
  return h('div', { class: 'more' }, h('button', { type: 'button', class: 'button', onclick: open }, words.conflicts.more));
}

async function row(c, query) {
  const [person, content, people, places] = await Promise.all([
    c.patient ? patient(c.patient) : null,
    readRecord(c.type, c.id).then(({ text }) => parse(text)).catch(() => null),
    Promise.all(c.heads.map((head) => who(head.author))),
    Promise.all(c.heads.map((head) => where(head.device))),
  ]);
  const said = describe(content);
  const name = c.patient ? (person ? personName(person) : words.patients.unnamed) : words.conflicts.practice;
  const title = [kind(c.type), said.title || said.detail.slice(0, 80)].filter(Boolean);
  const href = `/conflicts/${c.type}/${c.id}${query}`;
  return h('tr', {},
    h('th', { scope: 'row' }, c.patient ? h('a', { href: `/patients/${c.patient}` }, name) : name),
    h('td', {}, h('span', { class: 'kind' }, title[0]), safety.has(c.type) && h('span', { class: 'chip high' }, words.conflicts.safety), title[1] && h('div', { class: 'clip' }, title[1])),
    h('td', {}, lines(people)),
    h('td', {}, lines(places)),
    h('td', { class: 'figures' }, lines(c.heads.map((head) => moment(head.time)), false)),
    h('td', { class: 'figures', dataset: { label: words.conflicts.versions } }, String(c.heads.length)),
    h('td', { class: 'tools' }, h('a', { class: 'icon-button', href, 'aria-label': words.conflicts.compare(title[1] ? words.named(...title) : title[0], name), title: words.dossier.decide }, glass())));
}

// lines says each of a few things on a line of its own, repeats once where asked to.
function lines(list, once = true) {
  const said = once ? [...new Set(list)] : list;
  const first = said.slice(0, 3).map((text) => h('div', { class: 'line' }, text));
  return said.length > 3 ? [...first, h('div', { class: 'line' }, words.synchronisation.more(said.length - 3))] : first;
}

function glass() {
  return s('svg', { viewBox: '0 0 24 24', class: 'glass', 'aria-hidden': 'true', focusable: 'false' },
    s('circle', { cx: 10.5, cy: 10.5, r: 6 }), s('path', { d: 'M15 15l5 5' }));
}
