// The dossier of one patient.

import { deleteRecord, get, readRecord } from './api.js';
import { announce, h, later, redraw, show } from './dom.js';
import { colleagues } from './colleagues.js';
import { ask, tell } from './dialog.js';
import { draftsOf } from './drafts.js';
import { editDraft, form, newDraft } from './forms.js';
import { editable, kinds } from './kinds.js';
import { titled } from './light.js';
import { onLive } from './live.js';
import { forget, practitioners } from './names.js';
import { measurements } from './measurements.js';
import { ofPrivacy, privacy } from './privacy.js';
import { patientHead, printed } from './patienthead.js';
import { entryRow, inParts, otherRegistrations } from './registrations.js';
import { describe, personName } from './resource.js';
import { rewrite } from './router.js';
import { timeline } from './timeline.js';
import { kind, within, words } from './words.js';

const left = ['DocumentReference', 'Observation', 'Immunization'];
const right = ['Condition', 'AllergyIntolerance', 'MedicationStatement'];
const hubEvery = 10000; // ms: what the hub answers changes no record
const views = ['overview', 'timeline', 'privacy'];

// On paper there is nothing to open: what is folded is printed as well, with the moment of it.
window.addEventListener('beforeprint', () => {
  document.querySelectorAll('main .rest').forEach((more) => more.dispatchEvent(new Event('printed')));
  document.querySelectorAll('main details.past, main details.group').forEach((d) => { d.open = true; });
  document.querySelectorAll('.printed').forEach((p) => { p.textContent = printed(); });
});

function addressOf(view) {
  return view === 'overview' ? location.pathname : `${location.pathname}?view=${view}`;
}

/** dossier is the page of one patient. */
export function dossier(main, { id }, current) {
  const page = new Dossier(id, main, current);
  return { title: words.loading, ready: page.load(), leave: () => page.leave() };
}

class Dossier {
  constructor(id, main, current) {
    this.id = id;
    this.main = main;
    this.current = current;
    this.queued = new Map();
    this.names = new Map();
    this.opened = new Map(); // how much of each long list
    this.forms = new Set(); // those that are open
    this.head = h('header', { class: 'dossier-head' });
    this.places = Object.fromEntries(['Patient', 'Consent', ...left, ...right].map((type) => [type, h('div', { class: 'place' })]));
    this.lists = Object.fromEntries([...left, ...right].map((type) => [type, h('div', { class: 'entries' })]));
    this.others = h('div', { class: 'others' });
    this.timeline = timeline();
    this.privacy = privacy(id, this.places.Consent, {
      add: (code) => this.addConsent(code), edit: (r) => this.edit(r), remove: (r) => this.remove(r), changed: () => this.load(),
    });
    this.asked = new URLSearchParams(location.search);
    this.view = views.find((name) => name === this.asked.get('view')) ?? 'overview';
    this.again = later(() => this.load(), 120);
    this.stop = onLive((message) => this.hear(message));
    this.colleagues = colleagues(id);
    this.clock = setInterval(() => this.drawPrivacy(), hubEvery);
    show(main, h('p', { class: 'loading' }, words.loading));
  }

  leave() {
    this.stop();
    this.colleagues.leave();
    this.privacy.leave();
    clearInterval(this.clock);
    this.again.cancel();
  }

  hear(message) {
    if (message.kind === 'change') {
      forget(message.change);
      if (message.change.patient === this.id || (message.change.type === 'Patient' && message.change.id === this.id)) this.again();
    }
    if (message.kind === 'status') this.drawPrivacy(); // a Sumehr waits for the light
    // What waits may have left the queue without any record having changed.
    if (message.kind === 'reset' || (message.kind === 'status' && (this.incomplete || this.queued.size > 0 || message.status.outbox > 0))) this.again();
  }

  async load() {
    let answer;
    let outbox;
    try {
      [answer, outbox, this.names] = await Promise.all([
        get(`/api/dossiers/${encodeURIComponent(this.id)}`), get('/api/outbox'), practitioners().catch(() => new Map())]);
    } catch (cause) {
      if (this.current()) this.fail(cause);
      return;
    }
    const read = JSON.stringify([answer, outbox, [...this.names]]);
    if (!this.current() || read === this.read) return; // nothing is drawn anew under anybody's hands for nothing
    this.read = read;
    this.queued = new Map(outbox.outbox.map((q) => [`${q.type}/${q.id}`, q]));
    this.incomplete = answer.incomplete;
    this.records = answer.records.map((r) => ({ ...r, content: r.heads[0].content, ...this.queueState(r) }));
    this.render();
  }

  queueState(r) {
    const q = this.queued.get(`${r.type}/${r.id}`);
    return { queued: Boolean(q) && !q.set_aside, setAside: Boolean(q?.set_aside) };
  }

  fail(cause) {
    if (this.head.isConnected) {
      announce(cause.message); // what is on the page stays; the banner says that it may be old
      return;
    }
    show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message),
      h('button', { type: 'button', class: 'button', onclick: () => this.load() }, words.retry)));
  }

  render() {
    const person = this.records.find((r) => r.type === 'Patient' && r.id === this.id);
    if (!person && this.records.length === 0) {
      show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.dossier.notHere),
        this.incomplete && h('p', {}, words.patients.perhaps),
        h('a', { class: 'button', href: '/' }, words.toPatients)));
      return;
    }
    const first = !this.head.isConnected;
    if (first) this.frame();
    titled(person ? personName(person.content ?? {}) : words.patients.unnamed);
    redraw(this.head, patientHead(this.id, person, this.records, { incomplete: this.incomplete, edit: () => this.edit(person) }));
    for (const type of [...left, ...right]) this.list(type);
    if (this.view === 'privacy') this.drawPrivacy();
    this.timeline.draw(this.records.filter((r) => r.type !== 'Patient'), this.names);
    const shown = new Set(['Patient', ...left, ...right]);
    redraw(this.others, otherRegistrations(this.records.filter((r) => (!shown.has(r.type) && !ofPrivacy(r)) || (r.type === 'Patient' && r.id !== this.id)), this.names, this.opened));
    if (first) this.begin();
  }

  drawPrivacy() {
    if (this.records && this.view === 'privacy') this.privacy.draw(this.records, this.names);
  }

  // frame is made once, so that a form keeps its text and its cursor while lists change.
  frame() {
    const section = (type) => h('section', { class: `card section section-${type}`, 'aria-labelledby': `title-${type}` },
      h('div', { class: 'section-head' }, h('h2', { id: `title-${type}` }, words.sections[type]),
        h('button', { type: 'button', class: 'button small', 'aria-label': words.dossier.add(within(kind(type))), onclick: () => this.open(type, newDraft(type, this.id)) },
          words.dossier.addShort)),
      this.places[type], this.lists[type]);
    const drafts = draftsOf(this.id);
    if (drafts.length > 0) this.view = drafts.some((draft) => draft.type !== 'Consent') ? 'overview' : 'privacy'; // what was typed is seen first
    this.overview = h('div', { class: 'columns' },
      h('div', { class: 'column' }, left.map(section), this.others), h('div', { class: 'column' }, right.map(section)));
    this.parts = { overview: this.overview, timeline: this.timeline.element, privacy: this.privacy.element };
    show(this.main, this.head, this.colleagues.element, this.places.Patient, this.views(), Object.values(this.parts));
    this.turn(this.view);
    for (const draft of drafts) this.open(draft.type, draft, true);
  }

  // turn shows one of the views; what is being typed in another stays there.
  turn(view) {
    this.view = view;
    for (const [name, part] of Object.entries(this.parts)) part.hidden = name !== view;
    if (view === 'timeline') this.timeline.fill();
    this.drawPrivacy();
    for (const button of this.main.querySelectorAll('.views button')) button.setAttribute('aria-pressed', String(button.dataset.view === view));
  }

  views() {
    const w = words.dossier;
    return h('div', { class: 'views', role: 'group', 'aria-label': w.views }, views.map((view) => h('button', {
      type: 'button', dataset: { view }, onclick: () => {
        rewrite(addressOf(view));
        this.turn(view);
      },
    }, { overview: w.overview, timeline: w.timeline, privacy: words.privacy.title }[view])));
  }

  // begin opens what the address asks for, once: a record to be changed, or a consent to be recorded.
  begin() {
    const record = this.records.find((r) => `${r.type}/${r.id}` === this.asked.get('edit'));
    if (record && editable(record.content)) this.edit(record);
    else if (record) this.main.querySelector(`[data-record="${CSS.escape(this.asked.get('edit'))}"]`)?.scrollIntoView({ block: 'center' });
    if (this.view === 'privacy' && words.form.about[this.asked.get('record')]) this.addConsent(this.asked.get('record'));
    if (this.asked.has('edit') || this.asked.has('record')) rewrite(addressOf(this.view)); // not once more after a reload
  }

  addConsent(code) {
    const draft = newDraft('Consent', this.id);
    draft.values.about = code;
    this.open('Consent', draft);
  }

  list(type) {
    const entries = this.records.filter((r) => r.type === type && !ofPrivacy(r))
      .map((r) => ({ ...r, said: describe(r.content) }))
      .sort((a, b) => (b.said.when ?? '').localeCompare(a.said.when ?? '') || b.id.localeCompare(a.id));
    const now = entries.filter((r) => !r.said.past);
    const past = entries.filter((r) => r.said.past);
    const row = (r) => entryRow(r, this.names, { edit: editable(r.content) && (() => this.edit(r)), remove: () => this.remove(r) });
    if (type === 'Observation' && entries.length > 0) {
      redraw(this.lists[type], measurements(entries, row, this.opened));
      return;
    }
    redraw(this.lists[type],
      now.length > 0 ? inParts(now, row, { opened: this.opened, name: type }) : past.length === 0 && h('p', { class: 'nothing' }, words.dossier.empty[type]),
      past.length > 0 && h('details', { class: 'past' }, h('summary', {}, words.dossier.past(past.length)), inParts(past, row, { opened: this.opened, name: `past ${type}` })));
  }

  open(type, draft, restored = false) {
    const place = this.places[type];
    if (!place || !kinds[type]) return;
    if ((type === 'Consent') !== (this.view === 'privacy') && type !== 'Patient') this.turn(type === 'Consent' ? 'privacy' : 'overview');
    const same = restored ? null : [...this.forms].find((f) => f.draft.type === type && (draft.isNew ? f.draft.isNew : f.draft.id === draft.id));
    if (same) {
      same.focus();
      return;
    }
    const close = () => {
      this.forms.delete(made);
      made.element.remove();
      this.load();
    };
    const conflict = this.records.some((r) => r.type === type && r.id === draft.id && r.conflict);
    const made = form(draft, { done: close, closed: close, restored, conflict });
    this.forms.add(made);
    place.append(made.element);
    made.focus();
    if (!restored) made.element.scrollIntoView({ block: 'nearest' });
  }

  async edit(r) {
    try {
      this.open(r.type, await editDraft(r.type, r.id, this.id));
    } catch (cause) {
      await tell(words.errors.heading, cause.message);
      this.load();
    }
  }

  async remove(r) {
    try {
      const { etag } = await readRecord(r.type, r.id);
      const sure = await ask({
        title: words.dossier.removeTitle(within(kind(r.type))), action: words.dossier.remove, danger: true,
        text: [describe(r.content).title, r.conflict ? words.dossier.removeConflict : words.dossier.removeText].filter(Boolean).join('. '),
      });
      if (!sure) return;
      await deleteRecord(r.type, r.id, etag);
      announce(words.dossier.removed);
    } catch (cause) {
      await tell(words.dossier.notRemoved, cause.status === 412 ? words.dossier.changedFirst : cause.message);
    }
    this.load();
  }
}
