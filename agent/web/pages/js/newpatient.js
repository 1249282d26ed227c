// Registering a patient.

import { draftsOf } from './drafts.js';
import { h, show } from './dom.js';
import { form, newDraft } from './forms.js';
import { go } from './router.js';
import { words } from './words.js';

/** newPatient is the page to register a patient. */
export function newPatient(main) {
  const earlier = draftsOf('new').find((d) => d.type === 'Patient');
  const made = form(earlier ?? newDraft('Patient', ''), {
    restored: Boolean(earlier), done: (id) => go(`/patients/${id}`), closed: () => go('/'),
  });
  show(main, h('div', { class: 'page-head' }, h('h1', {}, words.patients.newTitle)), h('div', { class: 'card narrow' }, made.element));
  queueMicrotask(() => made.focus());
  return { title: words.patients.newTitle };
}
