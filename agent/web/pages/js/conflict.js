// One conflict, as carelog writes it: the choice is made here.

import { fragment, post } from './api.js';
import { dropChoices, keepChoices, keptChoices } from './choices.js';
import { onKeys } from './conflictkeys.js';
import { decidedNote, forgetDecision, remember } from './decided.js';
import { announce, h, later, show } from './dom.js';
import { filterOf, queryOf } from './filter.js';
import { titled } from './light.js';
import { onLive } from './live.js';
import { go } from './router.js';
import { markDifferences } from './textdiff.js';
import { words } from './words.js';
import { Written } from './written.js';

const hurried = 400; // ms: a second click or key within is the rest of the first

/** turnedAt is when what stands under the hands of the user last became another thing. */
let turnedAt = -Infinity;

/** conflict is the page behind the magnifying glass. */
export function conflict(main, { type, id }, current) {
  const page = new Conflict(type, id, main, current);
  return { ready: page.begin(), leave: () => page.leave() };
}

class Conflict {
  constructor(type, id, main, current) {
    Object.assign(this, { type, id, main, current, choosing: false, byField: false, seen: '' });
    this.filter = filterOf(location.search);
    this.undo = new URLSearchParams(location.search).get('undo') ?? '';
    this.path = `${type}/${encodeURIComponent(id)}`;
    this.page = new Written(main, `conflict-${type}/${id}`, () => this.address(), current);
    this.again = later(() => this.load(), 150);
    this.stop = onLive((message) => this.hear(message));
    this.stopKeys = onKeys(main, { fields: () => this.turn(), preview: () => this.preview(), back: () => this.closePreview() });
  }

  async begin() {
    await this.page.begin((root) => this.came(root));
    const kept = this.table && keptChoices(this.type, this.id, this.table.dataset.versions);
    if (kept && this.current()) await this.turn();
  }

  leave() {
    this.stop();
    this.stopKeys();
    this.again.cancel();
  }

  address() {
    const query = new URLSearchParams(queryOf(this.filter));
    for (const [name, value] of [['by', this.byField && 'field'], ['seen', this.seen], ['undo', this.undo]]) if (value) query.set(name, value);
    return `/fragments/conflicts/${this.path}?${query}`;
  }

  hear(message) {
    if (this.choosing) return;
    const ours = message.kind === 'change' && message.change.type === this.type && message.change.id === this.id;
    if (ours || message.kind === 'reset' || (message.kind === 'status' && message.status.conflicts !== this.known)) this.again(); // how many are left, too
    if (message.kind === 'status') this.known = message.status.conflicts;
  }

  get table() {
    return this.main.querySelector('.compare');
  }

  came(root) {
    titled(root.querySelector('h1').firstChild.textContent.trim());
    if (!this.table) {
      if (this.undo) forgetDecision();
      return;
    }
    this.seen ||= this.table.dataset.over;
    if (!this.undo) root.querySelector('.page-head').before(decidedNote());
    root.addEventListener('click', (click) => this.click(click));
    root.addEventListener('change', ({ target }) => target.matches('.pick input') && this.chose());
    turnedAt = performance.now();
    this.drawn();
  }

  click(click) {
    const button = click.target.closest('button');
    if (!button) return;
    if (button.dataset.do === 'fields') this.turn();
    if (button.dataset.do === 'preview') this.preview();
    if (button.dataset.do === 'back') this.closePreview();
    if (click.detail > 1 || click.timeStamp - turnedAt <= hurried) return; // meant for what stood there before
    if (button.dataset.do === 'keep') this.decide(button, { keep: button.dataset.version });
    if (button.dataset.do === 'decide') this.decide(button, { take: this.previewed.taken });
  }

  /** load shows what stands now, and says so where that is not what was on the page. */
  async load() {
    const before = this.table?.dataset.versions;
    await this.page.refresh();
    if (!this.current()) return;
    this.drawn();
    if (this.table?.dataset.versions === before) return;
    turnedAt = performance.now();
    announce(this.main.querySelector('.note.changed:not([hidden]), .empty')?.textContent ?? '');
  }

  // drawn does what carelog leaves to the browser, after it has written the versions.
  drawn() {
    markDifferences(this.main);
    const bar = document.getElementById('preview');
    const fields = this.byField && this.members().length > 0;
    if (fields) this.chooseAgain();
    const stays = fields && this.main.querySelector('.preview') && this.table.dataset.versions === this.previewed.versions;
    if (bar && !stays) show(bar, fields && this.bar());
  }

  members() {
    return [...new Set([...this.main.querySelectorAll('.pick input')].map((input) => input.name))];
  }

  chosen() {
    return [...this.main.querySelectorAll('.pick input:checked')].map((input) => [input.name, input.value]);
  }

  // taken are the fields that were chosen, as carelog is told: the version of each.
  taken() {
    const versions = this.table.dataset.versions.split(',');
    return Object.fromEntries(this.chosen().map(([name, value]) => [name.replace('take-', ''), versions[value] ?? value]));
  }

  chose() {
    keepChoices(this.type, this.id, this.table.dataset.versions, this.chosen());
    show(document.getElementById('preview'), this.bar());
  }

  // turn chooses from fields, or from whole versions again.
  async turn() {
    if (!this.table || !document.getElementById('by-field')) return;
    this.byField = !this.byField;
    if (!this.byField) dropChoices(this.type, this.id);
    this.seen = this.table.dataset.over;
    await this.load();
    if (this.current()) (this.main.querySelector('.pick input:checked') ?? this.main.querySelector('.pick input') ?? this.main.querySelector('button.keep'))?.focus();
  }

  // chooseAgain has what was chosen before stand again, once in each table that carelog wrote.
  chooseAgain() {
    if (this.table.dataset.filled) return;
    this.table.dataset.filled = 'yes';
    const kept = keptChoices(this.type, this.id, this.table.dataset.versions);
    for (const input of this.main.querySelectorAll('.pick input')) if (kept) input.checked = kept.get(input.name) === input.value;
    keepChoices(this.type, this.id, this.table.dataset.versions, this.chosen());
  }

  bar() {
    const open = this.members().length - this.chosen().length;
    return h('div', { class: 'actions decide' },
      h('button', { type: 'button', class: 'button primary', id: 'to-preview', dataset: { do: 'preview' }, disabled: open > 0 }, words.conflicts.preview),
      open > 0 && h('span', { class: 'hint' }, words.conflicts.toChoose(open)));
  }

  async preview() {
    if (!this.byField || this.members().length !== this.chosen().length || this.main.querySelector('.preview')) return;
    const taken = this.taken();
    const query = new URLSearchParams(Object.entries(taken).map((choice) => ['take', choice.join(':')]));
    if (this.undo) query.set('undo', this.undo);
    const { versions } = this.table.dataset;
    try {
      const preview = await fragment(`/fragments/conflicts/${this.path}/preview?${query}`);
      if (!this.current() || this.table?.dataset.versions !== versions) return;
      show(document.getElementById('preview'), preview);
    } catch (cause) {
      this.failed(cause);
      return;
    }
    this.previewed = { versions, taken }; // what is decided is what is read here, whatever is written anew beside it
    turnedAt = performance.now();
    const decide = this.main.querySelector('.preview .keep');
    decide.focus();
    decide.scrollIntoView({ block: 'nearest' });
  }

  closePreview() {
    if (!this.main.querySelector('.preview')) return;
    show(document.getElementById('preview'), this.bar());
    document.getElementById('to-preview').focus();
  }

  async decide(button, choice) {
    if (this.choosing) return;
    const buttons = [...this.main.querySelectorAll('button.keep')];
    const before = button.textContent;
    this.choosing = true;
    buttons.forEach((b) => { b.disabled = true; });
    button.textContent = words.conflicts.keeping;
    try {
      const { event } = await post(`/api/conflicts/${this.path}/resolve`, { heads: this.table.dataset.over.split(','), ...choice });
      dropChoices(this.type, this.id);
      remember({ type: this.type, id: this.id, event, title: this.main.querySelector('h1').firstChild.textContent.trim() });
      announce(words.conflicts.solved);
      turnedAt = performance.now();
      go(this.main.querySelector('.crumbs .next')?.getAttribute('href') ?? `/conflicts${queryOf(this.filter)}`);
    } catch (cause) {
      this.choosing = false;
      buttons.forEach((b) => { b.disabled = false; });
      button.textContent = before;
      this.failed(cause);
    }
  }

  failed(cause) {
    if (!this.current()) return;
    if (cause.status === 412) this.load();
    else show(this.main.querySelector('.trouble'), h('p', { class: 'error' }, cause.status === 422 ? `${words.conflicts.invalid} ` : '', cause.message));
  }
}
