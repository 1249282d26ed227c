// The versions of a record in conflict, side by side.

import { same } from './comparison.js';
import { h } from './dom.js';
import { both } from './merge.js';
import { describe, value } from './resource.js';
import { marked } from './textdiff.js';
import { moment, number, words } from './words.js';

const minutes = 60000;
const clockError = 10 * minutes; // a smaller one misleads nobody

/**
 * versionTable lays the versions out. people and places name the heads; keep makes the button
 * that keeps one, pick the means to choose a version or both for a row, in field mode only; stands
 * is the place of the version that is shown everywhere, -1 where none of them is.
 */
export function versionTable({ heads, ancestor }, rows, { people, places, keep, pick, stands = 0 }) {
  const w = words.conflicts;
  return h('table', { class: 'compare' },
    h('caption', { class: 'spoken' }, w.differs(rows.length)),
    h('thead', {}, h('tr', {},
      h('th', { scope: 'col', class: 'names' }, w.field),
      h('th', { scope: 'col', class: 'ancestor' }, h('span', { class: 'version-name' }, w.ancestor),
        h('span', { class: 'version-meta' }, ancestor ? [heads.length === 2 ? w.ancestorTwo : w.ancestorAll, h('br'), moment(ancestor.time)] : w.noAncestor)),
      heads.map((head, i) => h('th', { scope: 'col', class: 'version' },
        h('span', { class: 'version-name' }, w.version(i + 1), i === stands && h('span', { class: 'chip' }, w.shown), head.deleted && h('span', { class: 'chip high' }, w.deleted)),
        h('span', { class: 'version-meta' }, h('strong', {}, people[i]), h('br'), places[i], h('br'), moment(head.time),
          head.sequence === 0 && h('span', { class: 'badge queued' }, w.queued)),
        clock(head, ancestor), keep?.(head, i))))),
    h('tbody', {}, rows.length > 0 ? rows.map((row, r) => fieldRow(row, rows[r - 1], heads, pick))
      : h('tr', {}, h('th', {}), h('td', { class: 'ancestor' }), heads.map((head) => h('td', {}, summary(head))))));
}

// clock warns where the clock of a PC was wrong for certain: a version from the future, or one
// that is older than what it was made from.
function clock(head, ancestor) {
  const time = new Date(head.time);
  if (head.stored && time - new Date(head.stored) > clockError) return h('span', { class: 'version-meta error' }, words.conflicts.clock(moment(head.stored)));
  if (ancestor && new Date(ancestor.time) - time > clockError) return h('span', { class: 'version-meta error' }, words.conflicts.clockBefore(moment(ancestor.time)));
  return null;
}

function fieldRow(row, before, heads, pick) {
  const first = before?.member !== row.member; // a member is chosen as a whole
  return h('tr', { dataset: { member: row.member } },
    h('th', { scope: 'row' }, row.label, row.order && h('small', {}, ` ${words.conflicts.order2}`), first && pick?.(row, both)),
    h('td', { class: 'ancestor' }, cell(row.ancestor, row.name)),
    row.values.map((v, i) => cellOf(row, v, i, heads[i], first && pick)));
}

function cellOf(row, v, i, head, pick) {
  if (head.deleted) return h('td', { class: 'absent' }, words.conflicts.deleted);
  if (!head.content) return h('td', { class: 'absent' }, words.conflicts.unread);
  const changed = !same(v, row.ancestor);
  const other = row.values.find((o, j) => j !== i && o !== undefined && !same(o, v));
  return h('td', { class: changed ? 'differs' : '', dataset: { version: i } }, pick && pick(row, i), cell(v, row.name, other),
    changed && h('span', { class: 'spoken' }, ` (${words.conflicts.changed})`));
}

function cell(v, name, other) {
  if (v === undefined || v === null) return h('span', { class: 'absent' }, '—');
  const text = value(v, name);
  return other === undefined || other === null ? text : marked(text, value(other, name));
}

function summary(head) {
  if (head.deleted) return words.conflicts.deletedText;
  if (!head.content) return words.conflicts.unread;
  const said = describe(head.content);
  return [h('strong', {}, said.title), ' ', said.detail];
}

/** radio is one choice for a row. */
export function radio(row, choice, checked, chosen) {
  const w = words.conflicts;
  const label = choice === both ? w.both : w.take(row.label, number(choice + 1));
  const input = h('input', { type: 'radio', name: `take-${row.member}`, value: choice, checked, 'aria-label': label, onchange: () => chosen(row.member, choice) });
  return choice === both ? h('label', { class: 'pick both', title: w.bothHint }, input, w.both) : h('label', { class: 'pick' }, input);
}
