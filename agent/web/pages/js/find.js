// Finding a patient from anywhere, without leaving the page before somebody is chosen.

import { resources, search } from './api.js';
import { h, promptly, show } from './dom.js';
import { queryOf } from './query.js';
import { nameOf, ssinOf, upright, writeSSIN } from './resource.js';
import { go } from './router.js';
import { date, words } from './words.js';

const atOnce = '8';
const pause = 40; // ms without a key, after the first one
const least = 2; // letters: one finds too many to choose from

/** findButton lets its button open the search, as / and Ctrl K do from anywhere. */
export function findButton() {
  document.addEventListener('keydown', (event) => {
    const slash = event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest('input, textarea, select, dialog');
    const letter = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.target.closest('dialog');
    if (!slash && !letter) return;
    event.preventDefault();
    const here = document.getElementById('search');
    if (slash && here) here.focus();
    else open();
  });
  document.getElementById('find').addEventListener('click', open);
}

function open() {
  const list = h('ul', { role: 'listbox', id: 'find-list', 'aria-label': words.patients.title });
  const said = h('p', { class: 'hint', role: 'status' });
  const input = h('input', {
    type: 'search', id: 'find-input', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'find-list', 'aria-autocomplete': 'list', 'aria-label': words.find.label,
    placeholder: words.find.label, autocomplete: 'off', spellcheck: 'false', oninput: () => follow(), onkeydown: (event) => press(event),
  });
  const dialog = h('dialog', { class: 'dialog find', 'aria-label': words.find.title }, input, list, said, h('p', { class: 'hint' }, words.find.hint));
  let abort = null;
  let at = -1;

  const choose = (index) => {
    at = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    list.children[at]?.scrollIntoView({ block: 'nearest' });
    if (at >= 0) input.setAttribute('aria-activedescendant', list.children[at].id);
    else input.removeAttribute('aria-activedescendant');
  };
  const load = async () => {
    abort?.abort();
    abort = new AbortController();
    const text = input.value.trim();
    try {
      const found = text.length >= least ? resources(await search('Patient', { ...queryOf(text), _count: atOnce }, { signal: abort.signal })) : [];
      list.dataset.text = text;
      show(list, found.map((person, i) => option(person, i, () => leave(person.id))));
      input.setAttribute('aria-expanded', String(found.length > 0));
      said.textContent = text.length >= least && found.length === 0 ? words.find.none : '';
      choose(found.length > 0 ? 0 : -1);
    } catch (cause) {
      if (cause.name !== 'AbortError') said.textContent = cause.message;
    }
  };
  const soon = promptly(load, pause);
  // follow has the first letters that can be asked for asked at once: what is too short to ask for is no key before.
  const follow = () => {
    if (input.value.trim().length >= least) {
      soon();
      return;
    }
    soon.cancel();
    load();
  };
  const leave = (id) => {
    dialog.close();
    go(`/patients/${id}`);
  };
  const press = async (event) => {
    if (event.key === 'Escape') { // else it would only empty the field
      event.preventDefault();
      dialog.close();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step && event.key !== 'Enter') return;
    event.preventDefault();
    if (step) {
      choose(Math.min(Math.max(at + step, 0), list.children.length - 1));
      return;
    }
    soon.cancel();
    if (list.dataset.text !== input.value.trim()) await load(); // Enter was faster than the pause
    if (list.dataset.text === input.value.trim() && dialog.open) list.children[at]?.click(); // and nobody of an earlier list
  };
  dialog.addEventListener('close', () => {
    soon.cancel();
    abort?.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

function option(person, i, choose) {
  const { family, given, text } = nameOf(person);
  return h('li', { role: 'option', id: `find-${i}`, 'aria-selected': 'false', dataset: { patient: person.id }, onclick: choose },
    h('span', {}, h('strong', {}, upright(family || text) || words.patients.unnamed), given && ` ${upright(given)}`),
    h('span', { class: 'figures' }, date(person.birthDate)), h('span', { class: 'figures' }, writeSSIN(ssinOf(person))));
}
