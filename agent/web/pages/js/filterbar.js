// Choosing which conflicts are shown: by patient, kind and user.

import { h, show } from './dom.js';
import { patient, who } from './names.js';
import { personName } from './resource.js';
import { inOrder, kind, words } from './words.js';

const mostPatients = 200; // more are no list to choose from

/** filterBar makes the choices. It changes filter and calls changed; offer fills in what there is. */
export function filterBar(filter, changed) {
  const w = words.conflicts;
  const select = (name, any) => h('select', {
    name, 'aria-label': any, onchange: (event) => {
      filter[name] = event.target.value;
      clear.hidden = !Object.values(filter).some(Boolean);
      changed();
    },
  }, h('option', { value: filter[name] }, any));
  const selects = { patient: select('patient', w.anyPatient), kind: select('kind', w.anyKind), user: select('user', w.anyUser) };
  const clear = h('button', {
    type: 'button', class: 'button small quiet', hidden: !Object.values(filter).some(Boolean), onclick: () => {
      for (const [name, element] of Object.entries(selects)) {
        filter[name] = '';
        element.value = '';
      }
      clear.hidden = true;
      changed();
    },
  }, w.clear);
  const element = h('div', { class: 'filters', role: 'group', 'aria-label': w.filters, hidden: true }, Object.values(selects), clear);

  const fill = (name, any, options) => {
    if (selects[name] === document.activeElement) return; // not under the hands of the user
    const sorted = [...options].sort((a, b) => inOrder(a[1], b[1]));
    if (filter[name] && !options.has(filter[name])) sorted.push([filter[name], filter[name]]);
    show(selects[name], h('option', { value: '' }, any), sorted.map(([value, text]) => h('option', { value }, text)));
    selects[name].value = filter[name];
  };
  const offer = async (all) => {
    const distinct = (f) => [...new Set(all.flatMap(f))].filter(Boolean);
    const named = async (ids, f) => new Map(await Promise.all(ids.map(async (id) => [id, await f(id)])));
    const people = distinct((c) => [c.patient]).slice(0, mostPatients);
    fill('kind', w.anyKind, new Map(distinct((c) => [c.type]).map((type) => [type, kind(type)])));
    fill('user', w.anyUser, await named(distinct((c) => c.heads.map((head) => head.author)), who));
    fill('patient', w.anyPatient, await named(people, async (id) => personName(await patient(id)) || id));
    element.hidden = all.length < 2 && clear.hidden;
  };
  return { element, offer };
}
