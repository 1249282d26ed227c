// Registrations in a list.

import { h } from './dom.js';
import { describe, value } from './resource.js';
import { date, inOrder, kind, label, moment, number, words } from './words.js';

const firstOnes = 5;
const atOnce = 50;
const mostInPlace = 3;

/**
 * inParts shows the first rows of a long list, and more of them when asked to, or printed. opened
 * remembers by the name of the list how many, so that it is as long when it is drawn anew.
 */
export function inParts(list, row, { opened, name, first = atOnce }) {
  const box = h('ul', { class: 'registrations' });
  const fill = (wanted) => {
    box.append(...list.slice(box.children.length, wanted).map(row));
    more.hidden = box.children.length >= list.length;
  };
  const to = (wanted) => {
    opened.set(name, wanted);
    fill(wanted);
  };
  const more = h('button', { type: 'button', class: 'button small quiet rest', onclick: () => to(box.children.length + atOnce), onprinted: () => to(list.length) }, words.patients.more);
  fill(opened.get(name) ?? first);
  return [box, more];
}

/** entryRow is one registration, with what can be done with it. */
export function entryRow(r, names, { edit, remove }) {
  const said = r.said;
  const name = said.title || said.detail.slice(0, 60) || kind(r.type);
  return h('li', { class: `registration${r.conflict ? ' in-conflict' : ''}`, dataset: { record: `${r.type}/${r.id}` } },
    h('div', { class: 'registration-body' },
      r.content
        ? [said.title && h('p', { class: 'registration-title' }, said.title, said.state && h('span', { class: said.high ? 'chip high' : 'chip' }, said.state)),
          said.detail && h('p', { class: r.type === 'DocumentReference' ? 'registration-text' : 'registration-detail' }, said.detail)]
        : h('p', { class: 'registration-detail' }, words.dossier.unread),
      h('p', { class: 'registration-meta' }, meta(r, said, names), badges(r)),
      r.conflict && inPlace(r, names)),
    h('div', { class: 'registration-tools' },
      historyLink(r, name),
      edit && h('button', { type: 'button', class: 'button small quiet', 'aria-label': words.named(words.dossier.edit, name), onclick: edit }, words.dossier.edit),
      r.content && h('button', { type: 'button', class: 'button small quiet', 'aria-label': words.named(words.dossier.remove, name), onclick: remove }, words.dossier.remove)));
}

// inPlace are the versions of a conflict that are not the one shown, where that one stands: who
// reads the dossier sees all that somebody registered, without opening the comparison.
function inPlace(r, names) {
  return h('ul', { class: 'in-place', 'aria-label': words.conflicts.versions }, r.heads.slice(1, 1 + mostInPlace).map((head) => {
    const said = head.content && describe(head.content);
    return h('li', {}, head.deleted ? h('strong', {}, words.conflicts.deleted) : !said ? words.conflicts.unread
      : [h('strong', {}, said.title !== r.said.title ? said.title : ''), said.state && h('span', { class: said.high ? 'chip high' : 'chip' }, said.state), said.detail && h('span', {}, ` ${said.detail}`)],
    h('small', {}, ` ${words.dossier.by(names.get(head.author) ?? head.author)}, ${moment(head.time)}`));
  }), r.heads.length > 1 + mostInPlace && h('li', {}, words.synchronisation.more(r.heads.length - 1 - mostInPlace)));
}

/** historyLink leads to all versions of a registration. */
export function historyLink(r, name) {
  return h('a', { class: 'button small quiet', href: `/history/${r.type}/${r.id}`, 'aria-label': words.named(words.dossier.history, name) }, words.dossier.history);
}

/** badges are what sets a registration apart: not yet on the server, refused, in conflict. */
export function badges(r) {
  return [
    r.queued && h('span', { class: 'badge queued' }, words.dossier.queued),
    r.setAside && h('a', { class: 'badge aside', href: '/sync' }, words.dossier.setAside),
    r.conflict && h('a', { class: 'badge conflict', href: `/conflicts/${r.type}/${r.id}`, title: words.dossier.decide }, words.dossier.conflict(r.heads.length)),
  ];
}

/** otherRegistrations lists what the pages have no form for, by kind. */
export function otherRegistrations(records, names, opened) {
  if (records.length === 0) return null;
  const groups = Map.groupBy ? Map.groupBy(records, (r) => r.type) : group(records);
  return h('section', { class: 'card section', 'aria-labelledby': 'title-other' },
    h('div', { class: 'section-head' }, h('h2', { id: 'title-other' }, words.dossier.other)),
    [...groups].sort((a, b) => inOrder(kind(a[0]), kind(b[0]))).map(([type, list]) => h('details', { class: 'group' },
      h('summary', {}, kind(type), h('span', { class: 'figure' }, number(list.length)), list.some((r) => r.conflict) && h('span', { class: 'badge conflict' }, '!')),
      groupList(type, list, names, opened))));
}

function groupList(type, list, names, opened) {
  const sorted = list.map((r) => ({ ...r, said: describe(r.content) })).sort((a, b) => (b.said.when ?? '').localeCompare(a.said.when ?? ''));
  return inParts(sorted, (r) => otherRow(r, names), { opened, name: `other ${type}`, first: firstOnes });
}

function otherRow(r, names) {
  return h('li', { class: 'registration', dataset: { record: `${r.type}/${r.id}` } }, h('div', { class: 'registration-body' },
    h('p', { class: 'registration-title' }, r.content ? r.said.title || kind(r.type) : words.dossier.unread, r.said.detail && h('span', { class: 'plain' }, ` ${r.said.detail}`)),
    h('p', { class: 'registration-meta' }, meta(r, r.said, names), badges(r)),
    r.content && h('details', { class: 'all-fields' }, h('summary', {}, words.dossier.fields), fieldList(r.content))),
  h('div', { class: 'registration-tools' }, historyLink(r, r.said.title || kind(r.type))));
}

/** fieldList is a resource member by member, but for what is ours or stands above it. */
export function fieldList(resource, without = new Set()) {
  const hidden = new Set(['resourceType', 'id', 'meta', 'text', 'contained', 'subject', 'patient']);
  const rows = Object.entries(resource).filter(([name]) => !hidden.has(name) && !without.has(name) && !name.startsWith('_'));
  return h('dl', { class: 'fields' }, rows.map(([name, v]) => h('div', {}, h('dt', {}, label(name)), h('dd', {}, value(v, name)))));
}

function meta(r, said, names) {
  const author = r.heads[0].author;
  return h('span', {}, [date(said.when), author && words.dossier.by(names.get(author) ?? author)].filter(Boolean).join(' '));
}

function group(records) {
  const groups = new Map();
  for (const r of records) groups.set(r.type, [...(groups.get(r.type) ?? []), r]);
  return groups;
}
