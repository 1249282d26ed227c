// A write that came too late: what stands now, beside what the user typed.

import { parse } from './api.js';
import { h } from './dom.js';
import { kinds, readValues } from './kinds.js';
import { marked } from './textdiff.js';
import { date, words } from './words.js';

/** fromOther shows what somebody else changed meanwhile, or what was saved of the same draft in another tab. */
export function fromOther(draft, current, { over, anew, drop }) {
  const began = readValues(draft.type, parse(draft.text));
  const now = readValues(draft.type, parse(current.text));
  const changed = kinds[draft.type].fields.filter((f) => now[f.name] !== began[f.name]);
  return h('div', { class: 'stale' },
    h('h3', {}, words.stale.title),
    h('p', {}, changed.length > 0 ? words.stale.text : words.stale.same),
    changed.length > 0 && h('table', {},
      h('thead', {}, h('tr', {}, h('td', {}), [words.stale.before, words.stale.now, words.stale.yours].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, changed.map((f) => h('tr', {},
        h('th', { scope: 'row' }, words.form.fields[f.name]),
        h('td', {}, say(f, began[f.name])),
        h('td', { class: 'now' }, marked(say(f, now[f.name]), say(f, began[f.name]))),
        h('td', {}, say(f, draft.values[f.name])))))),
    h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'button primary', onclick: over }, words.stale.over),
      anew && h('button', { type: 'button', class: 'button', onclick: anew }, words.stale.anew),
      h('button', { type: 'button', class: 'button', onclick: drop }, words.stale.drop)));
}

/** fromDeletion says that somebody deleted the record meanwhile. */
export function fromDeletion({ anew, drop }) {
  return h('div', { class: 'stale' },
    h('h3', {}, words.stale.title),
    h('p', {}, words.stale.gone),
    h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'button primary', onclick: anew }, words.stale.anew),
      h('button', { type: 'button', class: 'button', onclick: drop }, words.stale.drop)));
}

function say(definition, value) {
  return (definition.input === 'date' ? date(value) : definition.options?.[value] ?? value) || '—';
}
