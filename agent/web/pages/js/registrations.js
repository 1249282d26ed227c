// Registrations in the lists that are made in the browser; carelog writes those of a dossier.

import { h } from './dom.js';
import { describe, value } from './resource.js';
import { date, kind, label, moment, words } from './words.js';

const mostInPlace = 3;

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

// historyLink leads to all versions of a registration.
function historyLink(r, name) {
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
