// Writing a registration down: a form, its draft, and the write itself.

import { ApiError, parse, readRecord, writeRecord } from './api.js';
import { ask } from './dialog.js';
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
  return { ...draftOf(type, id, patientID || 'new', text), isNew: true, etag: null };
}

/** editDraft begins a change of a record, from its exact text. */
export async function editDraft(type, id, patientID) {
  const { text, etag } = await readRecord(type, id);
  return { ...draftOf(type, id, patientID, text), isNew: false, etag };
}

// draftOf has a key of its own: two tabs with the same form keep what is typed in each.
function draftOf(type, id, dossier, text) {
  return { key: `${dossier}:${type}/${id}#${crypto.randomUUID()}`, dossier, type, id, text, values: readValues(type, parse(text)) };
}

// called is the name of a form that is opened: its kind, what is changed in it, and a number where another has that name.
function called({ type, isNew, values }) {
  const what = isNew ? '' : (values[kinds[type].fields[0].name] ?? '').slice(0, 60);
  const name = what ? words.named(kind(type), what) : kind(type);
  const taken = [...document.querySelectorAll('.form')].map((other) => other.getAttribute('aria-label'));
  const numbered = (n) => (n === 1 ? name : `${name} (${n})`);
  let n = 1;
  while (taken.includes(numbered(n))) n++;
  return numbered(n);
}

/**
 * form makes the form of a draft. done is called with the record's id once the desk has
 * acknowledged it, closed where the user gives up.
 */
export function form(draft, { done, closed, restored = false, conflict = false }) {
  const resource = parse(draft.text);
  draft.values = { ...readValues(draft.type, resource), ...draft.values }; // a draft of an older desk may lack a field, which is then as it was
  const prefix = `f${++count}`;
  const fields = kinds[draft.type].fields.map((definition) => {
    const made = field(definition, resource, `${prefix}-${definition.name}`, () => {
      draft.values[definition.name] = made.value;
      element.dataset.kept = 'not yet';
      keepSoon(draft, (kept) => { if (kept) element.dataset.kept = 'yes'; });
    });
    made.value = draft.values[definition.name];
    return [definition.name, made];
  });

  const trouble = h('div', { class: 'trouble', role: 'alert' });
  const save = h('button', { type: 'submit', class: 'button primary' }, words.form.save);
  const finish = (then, ...args) => {
    drop(draft.key);
    then(...args);
  };
  const element = h('form', {
    class: 'form', novalidate: true, 'aria-label': called(draft),
    onsubmit: (event) => {
      event.preventDefault();
      submit();
    },
  },
  restored && h('p', { class: 'note' }, words.form.restored),
  conflict && h('p', { class: 'note' }, words.form.inConflict),
  fields.map(([, f]) => f.element), trouble,
  h('div', { class: 'actions' }, save, h('button', { type: 'button', class: 'button', onclick: () => cancel() }, words.form.cancel)));
  const began = restored ? '' : JSON.stringify(draft.values);

  // What was typed goes only where that is meant.
  async function cancel() {
    const typed = JSON.stringify(draft.values) !== began;
    if (!typed || await ask({ title: words.form.throwTitle, action: words.form.throwAway, back: words.form.goOn, danger: true })) finish(closed);
  }

  async function submit() {
    const wrong = fields.map(([, f]) => f).filter((f) => !f.check(draft.values));
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
    const sent = { ...draft.values };
    show(trouble);
    busy(true);
    try {
      const { etag } = await writeRecord(draft.type, draft.id, text, draft.isNew ? null : draft.etag);
      saved(sent, { text, etag });
    } catch (cause) {
      await failed(cause, sent);
    } finally {
      busy(false);
    }
  }

  // saved ends the form; what was typed while the write was on its way is a change of what stands now.
  function saved(sent, { text, etag }) {
    forget(draft);
    announce(words.form.saved);
    if (fields.every(([name]) => draft.values[name] === sent[name])) {
      finish(done, draft.id);
      return;
    }
    Object.assign(draft, { isNew: false, text, etag });
    keep(draft);
    show(trouble, h('p', {}, words.form.typedSince));
  }

  function busy(on) {
    save.disabled = on;
    save.textContent = on ? words.form.saving : words.form.save;
  }

  async function failed(cause, sent) {
    if (!(cause instanceof ApiError)) throw cause;
    if (cause.status === 412 || cause.status === 409) await meanwhile(cause, sent);
    else if (!draft.isNew && (cause.status === 410 || cause.status === 404)) gone();
    else complain(cause.message);
  }

  // meanwhile finds out what stands now. Where that is what the user wanted, an earlier
  // attempt had arrived after all and only its answer was lost.
  async function meanwhile(cause, sent) {
    let current;
    try {
      current = await readRecord(draft.type, draft.id);
    } catch (error) {
      if (!draft.isNew && (error.status === 410 || error.status === 404)) gone();
      else complain(cause.message);
      return;
    }
    if (writeValues(draft.type, current.text, sent) === current.text) {
      saved(sent, current);
      return;
    }
    show(trouble, fromOther(draft, current, { over: () => rebase(current), anew: draft.isNew && anew, drop: () => finish(closed) }));
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
    Object.assign(draft, { isNew: false, text: current.text, etag: current.etag });
    submit();
  }

  function gone() {
    show(trouble, fromDeletion({ anew, drop: () => finish(closed) }));
  }

  // anew makes a registration of its own of it, with all that the form does not show.
  function anew() {
    drop(draft.key);
    const id = crypto.randomUUID();
    const text = setAt(draft.text, ['id'], id);
    Object.assign(draft, draftOf(draft.type, id, draft.dossier, text), { isNew: true, etag: null, values: draft.values });
    submit();
  }

  function complain(text) {
    show(trouble, h('p', { class: 'error' }, h('strong', {}, `${words.form.failed}. `), text));
  }

  return { element, draft, focus: () => fields[0][1].input.focus() };
}
