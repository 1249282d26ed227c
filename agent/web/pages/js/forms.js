// Writing a registration down: a form, its draft, and the write itself.

import { ApiError, parse, readRecord, writeRecord } from './api.js';
import { announce, h, show } from './dom.js';
import { drop, keep, keepSoon } from './drafts.js';
import { field } from './fields.js';
import { kinds, newText, readValues, writeValues } from './kinds.js';
import { forget } from './names.js';
import { setAt } from './splice.js';
import { fromDeletion, fromOther } from './stale.js';
import { kind, words } from './words.js';

let count = 0;

/** newDraft begins a new registration. Its id is chosen now, so that saving twice cannot make two. */
export function newDraft(type, patientID) {
  const id = crypto.randomUUID();
  const text = newText(type, id, patientID);
  return { key: `${patientID || 'new'}:${type}`, dossier: patientID || 'new', type, id, isNew: true, text, etag: null, values: readValues(type, parse(text)) };
}

/** editDraft begins a change of a record, from its exact text. */
export async function editDraft(type, id, patientID) {
  const { text, etag } = await readRecord(type, id);
  return { key: `${patientID}:${type}/${id}`, dossier: patientID, type, id, isNew: false, text, etag, values: readValues(type, parse(text)) };
}

/**
 * form makes the form of a draft. done is called with the record's id once the desk has
 * acknowledged it, closed where the user gives up.
 */
export function form(draft, { done, closed, restored = false, conflict = false }) {
  const resource = parse(draft.text);
  const prefix = `f${++count}`;
  const fields = kinds[draft.type].fields.map((definition) => {
    const made = field(definition, resource, `${prefix}-${definition.name}`, () => {
      draft.values[definition.name] = made.value;
      keepSoon(draft);
    });
    made.value = draft.values[definition.name] ?? '';
    return [definition.name, made];
  });

  const trouble = h('div', { class: 'trouble', role: 'alert' });
  const save = h('button', { type: 'submit', class: 'button primary' }, words.form.save);
  const finish = (then, ...args) => {
    drop(draft.key);
    then(...args);
  };
  const element = h('form', {
    class: 'form', novalidate: true, 'aria-label': kind(draft.type),
    onsubmit: (event) => {
      event.preventDefault();
      submit();
    },
  },
  restored && h('p', { class: 'note' }, words.form.restored),
  conflict && h('p', { class: 'note' }, words.form.inConflict),
  fields.map(([, f]) => f.element), trouble,
  h('div', { class: 'actions' }, save, h('button', { type: 'button', class: 'button', onclick: () => finish(closed) }, words.form.cancel)));

  async function submit() {
    const wrong = fields.map(([, f]) => f).filter((f) => !f.check());
    if (wrong.length > 0) {
      wrong[0].input.focus();
      return;
    }
    const text = writeValues(draft.type, draft.text, draft.values);
    if (!draft.isNew && text === draft.text) {
      announce(words.form.nothing);
      finish(closed);
      return;
    }
    keep(draft); // on disk of the browser before it is on its way
    show(trouble);
    busy(true);
    try {
      await writeRecord(draft.type, draft.id, text, draft.isNew ? null : draft.etag);
      saved();
    } catch (cause) {
      await failed(cause);
    } finally {
      busy(false);
    }
  }

  function saved() {
    forget(draft);
    announce(words.form.saved);
    finish(done, draft.id);
  }

  function busy(on) {
    save.disabled = on;
    save.textContent = on ? words.form.saving : words.form.save;
  }

  async function failed(cause) {
    if (!(cause instanceof ApiError)) throw cause;
    if (cause.status === 412 || cause.status === 409) await meanwhile(cause);
    else if (!draft.isNew && (cause.status === 410 || cause.status === 404)) gone();
    else complain(cause.message);
  }

  // meanwhile finds out what stands now. Where that is what the user wanted, an earlier
  // attempt had arrived after all and only its answer was lost.
  async function meanwhile(cause) {
    let current;
    try {
      current = await readRecord(draft.type, draft.id);
    } catch (error) {
      if (!draft.isNew && (error.status === 410 || error.status === 404)) gone();
      else complain(cause.message);
      return;
    }
    if (writeValues(draft.type, current.text, draft.values) === current.text) {
      saved();
      return;
    }
    if (draft.isNew) {
      complain(cause.message);
      return;
    }
    show(trouble, fromOther(draft, current, { over: () => rebase(current), drop: () => finish(closed) }));
    trouble.querySelector('button').focus();
  }

  // rebase puts what the user changed, and only that, on the version that stands now.
  function rebase(current) {
    const began = readValues(draft.type, parse(draft.text));
    const now = readValues(draft.type, parse(current.text));
    for (const [name, f] of fields) {
      if (draft.values[name] === began[name]) draft.values[name] = now[name];
      f.value = draft.values[name];
    }
    draft.text = current.text;
    draft.etag = current.etag;
    submit();
  }

  function gone() {
    show(trouble, fromDeletion({
      anew: () => {
        drop(draft.key);
        const id = crypto.randomUUID();
        // The whole registration comes back, with all that the form does not show.
        Object.assign(draft, { id, isNew: true, etag: null, text: setAt(draft.text, ['id'], id), key: `${draft.dossier}:${draft.type}` });
        submit();
      },
      drop: () => finish(closed),
    }));
  }

  function complain(text) {
    show(trouble, h('p', { class: 'error' }, h('strong', {}, `${words.form.failed}. `), text));
  }

  return { element, focus: () => fields[0][1].input.focus() };
}
