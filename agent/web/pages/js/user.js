// Who is at this PC. The name is chosen from the practice's own care providers and
// travels with every write.

import { h, show } from './dom.js';
import { practitioners } from './names.js';
import { collator, words } from './words.js';

const key = 'carelog.user';

/** current is the Practitioner id of the user; empty for the default of this PC. */
export function current() {
  return localStorage.getItem(key) ?? '';
}

/** picker lets the user say who they are. */
export function picker() {
  const select = h('select', {
    id: 'user', title: words.user.hint,
    onchange: () => {
      if (select.value) localStorage.setItem(key, select.value);
      else localStorage.removeItem(key);
    },
  });
  const fillIn = async () => {
    const people = [...(await practitioners()).entries()].sort((a, b) => collator.compare(a[1], b[1]));
    const id = current();
    // A name that is not known here yet stays chosen: it may arrive with the next events.
    if (id && !people.some(([known]) => known === id)) people.push([id, id]);
    show(select, h('option', { value: '' }, words.user.nobody),
      people.map(([value, name]) => h('option', { value, selected: value === id }, name)));
    select.value = id;
  };
  show(select, h('option', { value: current() }, current() || words.user.nobody));
  fillIn().catch(() => {}); // without names the choice stays as it was
  select.addEventListener('focus', () => fillIn().catch(() => {}), { once: true });
  return h('label', { class: 'user' }, h('span', { class: 'user-label' }, words.user.label), select);
}
