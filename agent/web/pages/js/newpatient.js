// Registering a patient.

import { draftsOf, recovered } from './drafts.js';
import { h, show } from './dom.js';
import { form, newDraft } from './forms.js';
import { go } from './router.js';
import { words } from './words.js';

/** newPatient is the page to register a patient. */
export function newPatient(main, _, current) {
  return { title: words.patients.newTitle, ready: begin(main, current) };
}

async function begin(main, current) {
  await recovered;
  if (!current()) return;
  const earlier = draftsOf('new').find((d) => d.type === 'Patient');
  const made = form(earlier ?? newDraft('Patient', ''), {
    restored: Boolean(earlier), done: (id) => go(`/patients/${id}`), closed: () => go('/'),
  });
  show(main, h('div', { class: 'page-head' }, h('h1', {}, words.patients.newTitle)), h('div', { class: 'card narrow' }, made.element));
  made.focus();
}
