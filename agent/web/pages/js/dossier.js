// The dossier of one patient. carelog writes it; the forms, and what is private, are made here.

import { deleteRecord, get, parse, readRecord } from './api.js';
import { announce, h, later } from './dom.js';
import { colleagues } from './colleagues.js';
import { tableOf } from './consents.js';
import { ask, tell } from './dialog.js';
import { draftsOf, recovered } from './drafts.js';
import { editDraft, form, newDraft } from './forms.js';
import { kinds } from './kinds.js';
import { titled } from './light.js';
import { onLive } from './live.js';
import { forget } from './names.js';
import { privacy } from './privacy.js';
import { rewrite, step } from './router.js';
import { kind, moment, within, words } from './words.js';
import { Written } from './written.js';

const hubEvery = 10000; // ms: what the hub answers changes no record
const views = ['overview', 'timeline', 'privacy'];

// On paper there is nothing to open: what is folded is printed as well, with the moment of it.
window.addEventListener('beforeprint', () => {
  document.querySelector('main > .page')?.dispatchEvent(new Event('printed'));
  document.querySelectorAll('main details.past, main details.group').forEach((d) => { d.open = true; });
  document.querySelectorAll('.printed').forEach((p) => { p.textContent = words.dossier.printed(moment(new Date().toISOString(), true)); });
});

/** dossier is the page of one patient. */
export function dossier(main, { id }, current) {
  const page = new Dossier(id, main, current);
  const ready = page.page.begin((root) => page.came(root));
  return { title: page.root ? '' : words.loading, ready, leave: () => page.leave(), follow: () => page.follow() };
}

class Dossier {
  constructor(id, main, current) {
    this.id = id;
    this.current = current;
    this.choice = {}; // in the timeline
    this.readAddress();
    this.page = new Written(main, `dossier-${id}`, () => this.address(), current);
    this.forms = new Set(); // those that are open
    this.places = new Map(); // of the forms, by type
    this.again = later(() => this.load(), 120);
    this.chosen = later(() => this.load(), 150);
    this.stop = onLive((message) => this.hear(message));
    this.colleagues = colleagues(id);
    this.privacy = privacy(id, () => this.root.querySelector('[data-part=wishes]'), { changed: () => this.load() });
    this.clock = setInterval(() => this.drawPrivacy(), hubEvery);
  }

  leave() {
    this.stop();
    this.colleagues.leave();
    this.privacy.leave();
    clearInterval(this.clock);
    this.again.cancel();
    this.chosen.cancel();
  }

  // readAddress takes what is shown from the address.
  readAddress() {
    this.asked = new URLSearchParams(location.search);
    this.view = views.find((name) => name === this.asked.get('view')) ?? 'overview';
    if (this.view === 'timeline') this.choice = Object.fromEntries(['kind', 'user', 'text'].map((name) => [name, this.asked.get(name) ?? '']));
  }

  // query says what is shown, as in the address.
  query() {
    const all = { view: this.view === 'overview' ? '' : this.view, ...(this.view === 'timeline' && this.choice) };
    const query = new URLSearchParams(Object.entries(all).filter(([, value]) => value));
    return query.size > 0 ? `?${query}` : '';
  }

  address() {
    return `/fragments/dossiers/${encodeURIComponent(this.id)}${this.query()}`;
  }

  /** follow shows what the address says by now. What is typed stays in its form. */
  follow() {
    if (!this.root?.querySelector('.dossier-head')) return this.page.ask();
    this.readAddress();
    for (const field of this.fields()) field.value = this.choice[field.name] ?? '';
    const turned = this.turn(this.view, '');
    this.begin();
    return turned;
  }

  fields() {
    return this.root.querySelectorAll('.timeline .filters [name]');
  }

  // choose shows what is chosen in the timeline. What is typed there is looked for when the keys rest.
  choose({ target }) {
    this.choice = Object.fromEntries([...this.fields()].map((field) => [field.name, field.value]));
    step(`${location.pathname}${this.query()}`, target.localName === 'input' ? target.name : '');
    this.chosen();
  }

  hear(message) {
    if (message.kind === 'change') {
      forget(message.change);
      if (message.change.patient === this.id || (message.change.type === 'Patient' && message.change.id === this.id)) this.again();
    }
    if (message.kind === 'status') this.drawPrivacy(); // a Sumehr waits for the light
    // What waits may have left the queue without any record having changed, and a dossier may have come whole.
    const waits = !this.root?.querySelector('.dossier-head') || this.root.querySelector('.waiting');
    if (message.kind === 'reset' || (message.kind === 'status' && (waits || message.status.outbox > 0))) this.again();
  }

  async load() {
    await this.page.refresh();
    if (this.current()) titled(this.root.querySelector('h1').textContent);
    if (this.view === 'privacy') await this.readPrivacy();
  }

  // came brings to life what carelog wrote; forms stand beside the lists, and keep their text while these change.
  came(root) {
    this.root = root;
    titled(root.querySelector('h1').textContent);
    const head = root.querySelector('.dossier-head');
    if (!head) return; // this patient is not here
    head.after(this.colleagues.element, this.place('Patient'));
    root.querySelector('.privacy').prepend(this.privacy.element, this.place('Consent'));
    for (const button of root.querySelectorAll('[data-do=add]')) button.closest('.section').querySelector('.entries').before(this.place(button.dataset.type));
    root.addEventListener('click', (event) => this.click(event));
    for (const kind of ['input', 'change']) root.querySelector('.timeline').addEventListener(kind, (event) => this.choose(event));
    this.turn(this.view, root.dataset.view);
    this.restore(this.forms.size > 0);
  }

  // restore opens the drafts, once what a crash of the browser took of them is back: an older text in a form would
  // be written over the newer one. Then comes what the address asks for.
  async restore(open) {
    await recovered;
    if (!this.current()) return;
    const drafts = open ? [] : draftsOf(this.id);
    if (drafts.length > 0) {
      this.turn(drafts.some((draft) => draft.type !== 'Consent') ? 'overview' : 'privacy', this.view); // what was typed is seen first
      rewrite(`${location.pathname}${this.query()}`);
    }
    for (const draft of drafts) this.open(draft.type, draft, true);
    this.begin();
  }

  click({ target }) {
    const button = target.closest('button');
    if (!button) return;
    const [type, id] = (button.closest('[data-record]')?.dataset.record ?? '').split('/');
    if (button.dataset.view) {
      const before = this.view;
      this.view = button.dataset.view;
      step(`${location.pathname}${this.query()}`);
      this.turn(this.view, before);
    }
    if (button.dataset.do === 'add') this.open(button.dataset.type, newDraft(button.dataset.type, this.id));
    if (button.dataset.do === 'consent') this.addConsent(button.dataset.about);
    if (button.dataset.do === 'edit') this.edit(type, id);
    if (button.dataset.do === 'remove') this.remove(type, id);
    if (button.dataset.do === 'print') print();
  }

  place(type) {
    if (!this.places.has(type)) this.places.set(type, h('div', { class: 'place' }));
    return this.places.get(type);
  }

  row(type, id) {
    return this.root.querySelector(`[data-record="${CSS.escape(`${type}/${id}`)}"]`);
  }

  // turn shows one of the views; what is being typed in another stays there.
  turn(view, before) {
    this.view = view;
    for (const [name, part] of [['overview', '.columns'], ['timeline', '.timeline'], ['privacy', '.privacy']]) this.root.querySelector(part).hidden = name !== view;
    for (const button of this.root.querySelectorAll('.views button')) button.setAttribute('aria-pressed', String(button.dataset.view === view));
    if (view === 'timeline' && before !== view) return this.load();
    return view === 'privacy' ? this.readPrivacy() : null;
  }

  async readPrivacy() {
    try {
      const { records } = await get(`/api/dossiers/${encodeURIComponent(this.id)}`);
      const now = records.map((r) => ({ ...r, content: r.heads[0].content }));
      const read = JSON.stringify(now);
      if (read !== this.read) Object.assign(this, { read, records: now }); // nothing is drawn anew under anybody's hands for nothing
      if (this.current()) this.drawPrivacy();
    } catch (cause) {
      announce(cause.message); // what is on the page stays; the banner says that it may be old
    }
  }

  drawPrivacy() {
    if (this.records && this.view === 'privacy') this.privacy.draw(this.records);
  }

  // begin opens what the address asks for, once: a record to be changed, or a consent to be recorded.
  begin() {
    const [type, id] = (this.asked.get('edit') ?? '').split('/');
    const row = id && this.row(type, id);
    if (row?.querySelector('[data-do=edit]')) this.edit(type, id);
    else if (type === 'Consent') this.editConsent(id);
    else row?.scrollIntoView({ block: 'center' });
    if (this.view === 'privacy' && words.form.about[this.asked.get('record')]) this.addConsent(this.asked.get('record'));
    if (this.asked.has('edit') || this.asked.has('record')) rewrite(`${location.pathname}${this.query()}`); // not once more after a reload
    this.asked = new URLSearchParams();
  }

  // editConsent opens a Consent for which there is a form: those of the other kinds are switched, and not changed.
  async editConsent(id) {
    const { text } = await readRecord('Consent', id).catch(() => ({}));
    if (text && tableOf(parse(text))) this.edit('Consent', id);
  }

  addConsent(code) {
    const draft = newDraft('Consent', this.id);
    draft.values.about = code;
    this.open('Consent', draft);
  }

  open(type, draft, restored = false) {
    const place = this.places.get(type);
    if (!place || !kinds[type]) return;
    if ((type === 'Consent') !== (this.view === 'privacy') && type !== 'Patient') this.turn(type === 'Consent' ? 'privacy' : 'overview', this.view);
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
    const conflict = Boolean(draft.id && this.row(type, draft.id)?.querySelector('.badge.conflict'));
    const made = form(draft, { done: close, closed: close, restored, conflict });
    this.forms.add(made);
    place.append(made.element);
    made.focus();
    if (!restored) made.element.scrollIntoView({ block: 'nearest' });
  }

  async edit(type, id) {
    try {
      this.open(type, await editDraft(type, id, this.id));
    } catch (cause) {
      await tell(words.errors.heading, cause.message);
      this.load();
    }
  }

  async remove(type, id) {
    const row = this.row(type, id);
    const title = row?.dataset.title || row?.querySelector('.registration-title')?.firstChild.textContent;
    const conflict = row?.querySelector('.badge.conflict');
    try {
      const { etag } = await readRecord(type, id);
      const sure = await ask({
        title: words.dossier.removeTitle(within(kind(type))), action: words.dossier.remove, danger: true,
        text: [title, conflict ? words.dossier.removeConflict : words.dossier.removeText].filter(Boolean).join('. '),
      });
      if (!sure) return;
      await deleteRecord(type, id, etag);
      announce(words.dossier.removed);
    } catch (cause) {
      await tell(words.dossier.notRemoved, cause.status === 412 ? words.dossier.changedFirst : cause.message);
    }
    this.load();
  }
}
