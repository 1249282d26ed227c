// All registrations of a dossier in the order of time, and the choice among them.

import { h, redraw, show } from './dom.js';
import { badges, fieldList, historyLink } from './registrations.js';
import { describe } from './resource.js';
import { date, inOrder, kind, words } from './words.js';

const atOnce = 100;

/** timeline makes the view once. draw takes the records as they are now; fill shows them where they were drawn unseen. */
export function timeline() {
  const list = h('div', {});
  const said = h('p', { class: 'count', role: 'status' });
  const select = (any) => h('select', { 'aria-label': any, onchange: () => fill() }, h('option', { value: '' }, any));
  const kinds = select(words.dossier.allKinds);
  const people = select(words.dossier.allPeople);
  const text = h('input', { type: 'search', 'aria-label': words.dossier.filterText, placeholder: words.dossier.filterText, oninput: () => fill() });
  let entries = [];
  let names = new Map();
  let most = atOnce;

  const fill = () => {
    const wanted = text.value.trim().toLowerCase();
    const shown = entries.filter((r) => (!kinds.value || r.type === kinds.value) && (!people.value || r.heads[0].author === people.value) && (!wanted || r.words.includes(wanted)));
    said.textContent = words.dossier.shown(shown.length);
    const days = new Map();
    for (const r of shown.slice(0, most)) {
      if (!days.has(r.day)) days.set(r.day, []);
      days.get(r.day).push(r);
    }
    const to = (wanted) => {
      most = wanted;
      fill();
    };
    redraw(list, [...days].map(([day, records]) => h('section', { class: 'day', 'aria-label': day ? date(day) : words.dossier.undated },
      h('h3', {}, day ? date(day) : words.dossier.undated), h('ul', { class: 'registrations' }, records.map((r) => row(r, names))))),
    shown.length > most && h('button', { type: 'button', class: 'button rest', onclick: () => to(most + atOnce), onprinted: () => to(shown.length) }, words.patients.more));
  };
  const draw = (records, who) => {
    names = who;
    entries = records.map((r) => {
      const described = describe(r.content);
      return { ...r, said: described, day: (described.when ?? '').slice(0, 10), words: `${kind(r.type)} ${described.title} ${described.detail}`.toLowerCase() };
    }).sort((a, b) => (b.said.when ?? '').localeCompare(a.said.when ?? '') || b.heads[0].event.localeCompare(a.heads[0].event));
    options(kinds, words.dossier.allKinds, new Map(entries.map((r) => [r.type, kind(r.type)])));
    options(people, words.dossier.allPeople, new Map(entries.filter((r) => r.heads[0].author).map((r) => [r.heads[0].author, names.get(r.heads[0].author) ?? r.heads[0].author])));
    if (!element.hidden) fill();
  };
  const element = h('section', { class: 'card section timeline', 'aria-labelledby': 'title-timeline' }, h('h2', { id: 'title-timeline', class: 'spoken' }, words.dossier.timeline), h('div', { class: 'filters' }, kinds, people, text), said, list);
  return { element, draw, fill };
}

function options(select, any, map) {
  if (select === document.activeElement) return;
  const before = select.value;
  show(select, h('option', { value: '' }, any), [...map].sort((a, b) => inOrder(a[1], b[1])).map(([value, name]) => h('option', { value }, name)));
  select.value = map.has(before) ? before : '';
}

function row(r, names) {
  const author = r.heads[0].author;
  const name = r.said.title || kind(r.type);
  return h('li', { class: `registration${r.conflict ? ' in-conflict' : ''}`, dataset: { record: `${r.type}/${r.id}` } },
    h('div', { class: 'registration-body' },
      h('p', { class: 'registration-title' }, h('span', { class: 'chip kind-chip' }, kind(r.type)), ' ', r.content ? r.said.title : words.dossier.unread,
        r.said.state && h('span', { class: r.said.high ? 'chip high' : 'chip' }, r.said.state)),
      r.said.detail && h('p', { class: 'registration-text' }, r.said.detail),
      h('p', { class: 'registration-meta' }, author && words.dossier.by(names.get(author) ?? author), badges(r)),
      r.content && h('details', { class: 'all-fields' }, h('summary', {}, words.dossier.fields), fieldList(r.content))),
    h('div', { class: 'registration-tools' }, historyLink(r, name)));
}
