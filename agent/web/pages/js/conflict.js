// One conflict: its versions side by side, and the choice.

import { get, parse, request } from './api.js';
import { dropChoices, keepChoices, keptChoices } from './choices.js';
import { byMember, rowsOf } from './comparison.js';
import { onKeys } from './conflictkeys.js';
import { decidedNote, forgetDecision, recall, remember } from './decided.js';
import { announce, h, later, show } from './dom.js';
import { filterOf, fits, queryOf } from './filter.js';
import { onLive } from './live.js';
import { both, merged, proposal, union } from './merge.js';
import { patient, where, who } from './names.js';
import { fieldList } from './registrations.js';
import { describe, personName, safety } from './resource.js';
import { go } from './router.js';
import { said, settle } from './settling.js';
import { textAt } from './splice.js';
import { radio, versionTable } from './versions.js';
import { date, kind, number, words } from './words.js';

/** turnedAt is when the next conflict, or a preview, last came to stand under the hands of the user. */
let turnedAt = -Infinity;

/** conflict is the page behind the magnifying glass. */
export function conflict(main, { type, id }, current) {
  const page = new Conflict(type, id, main, current);
  const undo = new URLSearchParams(location.search).get('undo');
  return { title: words.named(words.conflicts.title, kind(type)), ready: undo ? page.undo(undo) : page.load(), leave: () => page.leave() };
}

class Conflict {
  constructor(type, id, main, current) {
    Object.assign(this, { type, id, main, current, choosing: false, seen: '', stands: 0, over: null, byField: false, choices: new Map() });
    this.path = `/api/conflicts/${type}/${encodeURIComponent(id)}`;
    this.filter = filterOf(location.search);
    this.again = later(() => this.load(words.conflicts.elsewhere), 150);
    this.stillOver = later(() => this.undoable(), 150);
    this.stop = onLive(({ kind: what, change }) => {
      if (this.over) {
        if (what === 'reset' || (what === 'change' && change.type === type && change.id === id && !this.choosing)) this.stillOver();
        return;
      }
      if (what === 'reset' || (what === 'change' && change.type === type && change.id === id && !this.choosing)) this.again();
    });
    this.stopKeys = onKeys(main, { fields: () => this.toggleFields(), preview: () => this.preview(), back: () => this.closePreview() });
    show(main, h('p', { class: 'loading' }, words.loading));
  }

  leave() {
    this.stop();
    this.stopKeys();
    this.again.cancel();
    this.stillOver.cancel();
  }

  /** load shows what stands now; word is said where that is not what was on the page. */
  async load(word = '') {
    let text;
    let all;
    try {
      [{ text }, all] = await Promise.all([request('GET', this.path), get('/api/conflicts')]);
    } catch (cause) {
      if (this.current()) this.fail(cause);
      return;
    }
    const answer = parse(text);
    const heads = answer.heads.map((head) => head.event);
    if (!this.current() || heads.join() === this.seen) return;
    const fresh = this.seen ? answer.heads.filter((head) => !this.seen.includes(head.event)) : [];
    const known = this.seen !== '';
    this.seen = heads.join();
    this.all = all.conflicts;
    await this.name(answer);
    if (!this.current()) return;
    const by = fresh.length > 0 ? await said(fresh[fresh.length - 1]) : '';
    if (!answer.conflict) this.settled(await said(answer.heads[0]));
    else {
      this.take(answer, text);
      this.render(known && word ? [word, by].join(' ') : '');
      if (known && word) announce(word);
    }
  }

  async name(answer) {
    [this.person, this.people, this.places] = await Promise.all([
      answer.patient ? patient(answer.patient) : null,
      Promise.all(answer.heads.map((head) => who(head.author))), Promise.all(answer.heads.map((head) => where(head.device)))]);
  }

  // take keeps the answer, and each version as the text that it is.
  take(answer, text) {
    this.answer = answer;
    this.text = text;
    this.versions = answer.heads.map((_, i) => textAt(text, ['heads', i, 'content']));
    this.before = textAt(text, ['ancestor', 'content']);
    this.rows = rowsOf(answer);
    this.choices = new Map(this.members().map((m) => [m, proposal(this.versions, this.before, m)]).filter(([, choice]) => choice !== undefined));
    const kept = keptChoices(this.type, this.id, this.named());
    if (kept && this.mayMix()) {
      this.byField = true;
      this.choices = new Map(this.members().filter((m) => kept.has(m)).map((m) => [m, kept.get(m)]));
    }
  }

  // named names the versions that are shown, and what is written over them.
  named() {
    return [this.over, ...this.answer.heads.map((head) => head.event)].join();
  }

  members() {
    return [...new Set(this.rows.map((row) => row.member))];
  }

  /** undo offers the same versions again, as long as nobody built on what was chosen. */
  async undo(event) {
    const decision = recall(event);
    try {
      const [now, all] = await Promise.all([get(this.path), get('/api/conflicts')]);
      this.all = all.conflicts;
      if (!decision || now.heads.length !== 1 || now.heads[0].event !== event) {
        forgetDecision();
        this.message(words.conflicts.undoGone);
        return;
      }
      const answer = parse(decision.answer);
      await this.name(answer);
      if (!this.current()) return;
      this.over = `W/"${event}"`;
      this.stands = decision.kept ?? -1;
      this.take(answer, decision.answer);
      this.render(words.conflicts.undone);
    } catch (cause) {
      if (this.current()) this.fail(cause);
    }
  }

  // undoable ends the offer as soon as somebody has built on the choice that is being made again.
  async undoable() {
    const now = await get(this.path).catch(() => null); // the write itself meets what came meanwhile
    if (!now || this.choosing || !this.current() || (now.heads.length === 1 && this.over === `W/"${now.heads[0].event}"`)) return;
    forgetDecision();
    this.message(words.conflicts.undoGone);
  }

  fail(cause) {
    show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message), this.back()));
  }

  settled(by) {
    this.message(words.conflicts.solvedElsewhere, by);
  }

  message(title, text = '') {
    show(this.main, h('section', { class: 'empty card' }, h('h1', {}, title), text && h('p', {}, text), h('div', { class: 'actions' }, this.nextLink(), this.back())));
    announce(`${title} ${text}`);
  }

  back() {
    return h('a', { class: 'button', href: `/conflicts${queryOf(this.filter)}` }, words.conflicts.back);
  }

  nextLink() {
    const next = this.next();
    return next && h('a', { class: 'button primary', href: this.address(next) }, words.conflicts.next);
  }

  address(c) {
    return `/conflicts/${c.type}/${c.id}${queryOf(this.filter)}`;
  }

  // left are the conflicts that fit the filter, this one included.
  left() {
    return this.all.filter((c) => fits(c, this.filter));
  }

  // next is the conflict after this one in the table, or the first one.
  next() {
    const left = this.left();
    const at = left.findIndex((c) => c.type === this.type && c.id === this.id);
    const rest = left.filter((_, i) => i !== at);
    return at >= 0 && at < rest.length ? rest[at] : rest[0];
  }

  title() {
    const readable = this.answer.heads.find((head) => head.content)?.content;
    const title = describe(readable ?? this.answer.ancestor?.content).title;
    return title ? words.named(kind(this.type), title) : kind(this.type);
  }

  render(word) {
    const w = words.conflicts;
    const { answer, rows } = this;
    const readable = answer.heads.find((head) => head.content)?.content;
    const name = answer.patient ? (this.person ? personName(this.person) : words.patients.unnamed) : w.practice;
    show(this.main,
      h('div', { class: 'crumbs' }, h('a', { href: `/conflicts${queryOf(this.filter)}` }, w.back), h('span', { role: 'status' }, w.left(this.left().length))),
      this.over ? null : decidedNote(),
      h('div', { class: 'page-head' }, h('div', {},
        h('p', { class: 'over' }, answer.patient ? h('a', { href: `/patients/${answer.patient}` }, name) : name,
          this.person?.birthDate && ` · ${words.dossier.bornOn(date(this.person.birthDate))}`),
        h('h1', {}, this.title(), ' ', safety.has(this.type) && h('span', { class: 'chip high' }, w.safety))),
      this.mayMix() && h('button', { type: 'button', class: 'button', id: 'by-field', 'aria-pressed': String(this.byField), onclick: () => this.toggleFields() }, this.byField ? w.whole : w.byField)),
      h('p', { class: 'note changed', hidden: !word }, word),
      h('div', { class: 'trouble', role: 'alert' }),
      h('div', { class: 'card flush scroll', id: 'versions' }, this.table()),
      h('p', { class: 'hint keys' }, w.keys),
      h('div', { id: 'preview' }, this.byField && this.bar()),
      readable && h('details', { class: 'card same' }, h('summary', {}, w.same), fieldList(readable, new Set(rows.map((r) => r.member)))));
  }

  table() {
    return versionTable(this.answer, this.byField ? byMember(this.rows, this.answer) : this.rows, {
      people: this.people, places: this.places, stands: this.stands,
      keep: this.byField ? null : (head, i) => this.keepButton(head, i),
      pick: this.byField ? (row, choice) => this.radio(row, choice) : null,
    });
  }

  mayMix() {
    return this.rows.length > 0 && this.versions.filter((text) => text !== undefined).length > 1;
  }

  radio(row, choice) {
    if (choice === both && union(this.versions, this.before, row.member) === undefined) return null;
    return radio(row, choice, this.choices.get(row.member) === choice, (member, chosen) => {
      this.choices.set(member, chosen);
      keepChoices(this.type, this.id, this.named(), this.choices);
      show(document.getElementById('preview'), this.bar());
    });
  }

  toggleFields() {
    if (!this.answer || !this.mayMix()) return;
    this.byField = !this.byField;
    if (this.byField) keepChoices(this.type, this.id, this.named(), this.choices);
    else dropChoices(this.type, this.id);
    this.render('');
    (this.byField ? this.main.querySelector('input:checked') ?? this.main.querySelector('.pick input') : this.main.querySelector('button.keep'))?.focus();
  }

  bar() {
    const open = this.members().filter((m) => !this.choices.has(m)).length;
    return h('div', { class: 'actions decide' },
      h('button', { type: 'button', class: 'button primary', id: 'to-preview', disabled: open > 0, onclick: () => this.preview() }, words.conflicts.preview),
      open > 0 && h('span', { class: 'hint' }, words.conflicts.toChoose(open)));
  }

  preview() {
    const w = words.conflicts;
    if (!this.byField || this.members().some((m) => !this.choices.has(m)) || this.main.querySelector('.preview')) return;
    const text = merged(this.versions, this.before, this.choices);
    const content = parse(text);
    const from = (m) => (this.choices.get(m) === both ? w.fromAll : w.fromVersion(number(this.choices.get(m) + 1)));
    const decide = h('button', { type: 'button', class: 'button primary keep', onclick: (click) => this.meant(click) && this.decide(decide, { content: text }) }, w.decide);
    show(document.getElementById('preview'), h('section', { class: 'card section preview', 'aria-labelledby': 'preview-title' },
      h('h2', { id: 'preview-title' }, w.previewTitle),
      h('p', { class: 'lead' }, this.members().map((m) => words.named(this.rows.find((row) => row.member === m).label, from(m))).join(' · ')),
      fieldList(content),
      h('div', { class: 'actions' }, decide, h('button', { type: 'button', class: 'button', onclick: () => this.closePreview() }, w.goOn))));
    turnedAt = performance.now();
    decide.focus();
    decide.scrollIntoView({ block: 'nearest' });
  }

  closePreview() {
    if (!this.main.querySelector('.preview')) return;
    show(document.getElementById('preview'), this.bar());
    document.getElementById('to-preview').focus();
  }

  keepButton(head, i) {
    const button = h('button', {
      type: 'button', class: 'button primary keep', onclick: (click) => this.meant(click) && this.decide(button, { keep: head, content: this.versions[i] }),
    }, head.deleted ? words.conflicts.keepDeleted : words.conflicts.keep);
    return button;
  }

  /** meant tells a click or a key on what stands here from the rest of one on what stood here before. */
  meant(click) {
    return click.detail < 2 && click.timeStamp - turnedAt > 400;
  }

  async decide(button, choice) {
    const buttons = [...this.main.querySelectorAll('button.keep')];
    const before = button.textContent;
    this.choosing = true;
    buttons.forEach((b) => { b.disabled = true; });
    button.textContent = words.conflicts.keeping;
    try {
      const event = await settle(this, choice);
      dropChoices(this.type, this.id);
      remember({ type: this.type, id: this.id, event, title: this.title(), answer: this.text, kept: this.answer.heads.indexOf(choice.keep) });
      announce(words.conflicts.solved);
      turnedAt = performance.now();
      const next = this.next();
      go(next ? this.address(next) : `/conflicts${queryOf(this.filter)}`);
    } catch (cause) {
      this.choosing = false;
      buttons.forEach((b) => { b.disabled = false; });
      button.textContent = before;
      if (cause.status === 412 && this.over) this.message(words.conflicts.undoGone);
      else if (cause.status === 412) this.load(words.conflicts.elsewhere);
      else show(this.main.querySelector('.trouble'), h('p', { class: 'error' }, cause.status === 422 ? `${words.conflicts.invalid} ` : '', cause.message));
    }
  }
}
