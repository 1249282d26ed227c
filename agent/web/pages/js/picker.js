// Who is at this PC: the choice of a name from the practice's own care providers.

import { h, show } from './dom.js';
import { practitioners } from './names.js';
import { choose, current } from './user.js';
import { inOrder } from './words.js';

/** picker lets the user say who they are. */
export function picker() {
  const select = document.getElementById('user');
  const nobody = select.options[0].textContent; // carelog names whom it takes somebody for who says nothing
  const fillIn = async () => {
    const people = [...(await practitioners()).entries()].sort((a, b) => inOrder(a[1], b[1]));
    const id = current();
    // A name that is not known here yet stays chosen: it may arrive with the next events.
    if (id && !people.some(([known]) => known === id)) people.push([id, id]);
    show(select, h('option', { value: '' }, nobody),
      people.map(([value, name]) => h('option', { value, selected: value === id }, name)));
    select.value = id;
  };
  show(select, h('option', { value: current() }, current() || nobody));
  fillIn().catch(() => {}); // without names the choice stays as it was
  select.addEventListener('change', () => choose(select.value));
  select.addEventListener('focus', () => fillIn().catch(() => {}), { once: true });
}
