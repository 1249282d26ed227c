// One conflict: its versions side by side, and the choice.

import { get, post } from './api.js';
import { rowsOf, same } from './comparison.js';
import { announce, h, later, show } from './dom.js';
import { onLive } from './live.js';
import { patient, where, who } from './names.js';
import { fieldList } from './registrations.js';
import { describe, personName, safety, value } from './resource.js';
import { go } from './router.js';
import { marked } from './textdiff.js';
import { date, kind, moment, within, words } from './words.js';

/** conflict is the page behind the magnifying glass. */
/** decidedAt is when a conflict was last settled here; the next one then stands in its place. */
let decidedAt = -Infinity;

export function conflict(main, { type, id }, current) {
  const page = new Conflict(type, id, main, current);
  page.load();
  return { title: `${words.conflicts.title}: ${kind(type)}`, leave: () => page.leave() };
}

class Conflict {
  constructor(type, id, main, current) {
    this.type = type;
    this.id = id;
    this.path = `/api/conflicts/${type}/${encodeURIComponent(id)}`;
    this.main = main;
    this.current = current;
    this.choosing = false;
    this.seen = '';
    this.again = later(() => this.load(words.conflicts.elsewhere), 150);
    this.stop = onLive(({ kind: what, change }) => {
      if (what === 'reset' || (what === 'change' && change.type === type && change.id === id && !this.choosing)) this.again();
    });
    show(main, h('p', { class: 'loading' }, words.loading));
  }

  leave() {
    this.stop();
    this.again.cancel();
  }

  /** load shows what stands now; word is said where that is not what was on the page. */
  async load(word = '') {
    let answer;
    let all;
    try {
      [answer, all] = await Promise.all([get(this.path), get('/api/conflicts')]);
    } catch (cause) {
      if (this.current()) show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message), back()));
      return;
    }
    const heads = answer.heads.map((head) => head.event).join();
    if (!this.current() || heads === this.seen) return;
    const known = this.seen !== '';
    this.seen = heads;
    this.all = all.conflicts;
    if (!answer.conflict) {
      this.settled();
      return;
    }
    [this.person, this.people, this.places] = await Promise.all([
      answer.patient ? patient(answer.patient) : null,
      Promise.all(answer.heads.map((head) => who(head.author))), Promise.all(answer.heads.map((head) => where(head.device)))]);
    if (!this.current()) return;
    this.render(answer, known ? word : '');
    if (known && word) announce(word);
  }

  settled() {
    show(this.main, h('section', { class: 'empty card' }, h('h1', {}, words.conflicts.solvedElsewhere),
      h('div', { class: 'actions' }, this.nextLink(), back())));
    announce(words.conflicts.solvedElsewhere);
  }

  nextLink() {
    const next = this.next();
    return next && h('a', { class: 'button primary', href: address(next) }, words.conflicts.next);
  }

  // next is the conflict after this one in the table, or the first one.
  next() {
    const at = this.all.findIndex((c) => c.type === this.type && c.id === this.id);
    const rest = this.all.filter((_, i) => i !== at);
    return at >= 0 && at < rest.length ? rest[at] : rest[0];
  }

  render(answer, word) {
    const w = words.conflicts;
    const readable = answer.heads.find((head) => head.content)?.content;
    const said = describe(readable ?? answer.ancestor?.content);
    const rows = rowsOf(answer);
    const name = answer.patient ? (this.person ? personName(this.person) : words.patients.unnamed) : w.practice;
    show(this.main,
      h('div', { class: 'crumbs' }, h('a', { href: '/conflicts' }, w.back), h('span', { role: 'status' }, w.left(this.all.length))),
      h('div', { class: 'page-head' }, h('div', {},
        h('p', { class: 'over' }, answer.patient ? h('a', { href: `/patients/${answer.patient}` }, name) : name,
          this.person?.birthDate && ` · ${within(words.dossier.born)} ${date(this.person.birthDate)}`),
        h('h1', {}, kind(this.type), said.title && `: ${said.title}`, ' ', safety.has(this.type) && h('span', { class: 'chip high' }, w.safety)))),
      h('p', { class: 'note', hidden: !word }, word),
      h('div', { class: 'trouble', role: 'alert' }),
      h('div', { class: 'card flush scroll' }, this.table(answer, rows)),
      readable && h('details', { class: 'card same' }, h('summary', {}, w.same), fieldList(readable, new Set(rows.map((r) => r.member)))));
  }

  table(answer, rows) {
    const w = words.conflicts;
    const { heads, ancestor } = answer;
    return h('table', { class: 'compare' },
      h('caption', { class: 'spoken' }, w.differs(rows.length)),
      h('thead', {}, h('tr', {},
        h('th', { scope: 'col', class: 'names' }, w.field),
        h('th', { scope: 'col', class: 'ancestor' }, h('span', { class: 'version-name' }, w.ancestor),
          h('span', { class: 'version-meta' }, ancestor ? [heads.length === 2 ? w.ancestorTwo : w.ancestorAll, h('br'), moment(ancestor.time)] : w.noAncestor)),
        heads.map((head, i) => this.column(head, i, heads)))),
      h('tbody', {}, rows.length > 0
        ? rows.map((r) => h('tr', {},
          h('th', { scope: 'row' }, r.label, r.order && h('small', {}, ` ${w.order2}`)),
          h('td', { class: 'ancestor' }, cell(r.ancestor, r.name)),
          r.values.map((v, i) => cellOf(r, v, i, heads[i]))))
        : h('tr', {}, h('th', {}), h('td', { class: 'ancestor' }), heads.map((head) => h('td', {}, summary(head))))));
  }

  column(head, i, heads) {
    const w = words.conflicts;
    const keep = h('button', { type: 'button', class: 'button primary keep', onclick: (click) => this.meant(click) && this.keep(head, heads, keep) }, head.deleted ? w.keepDeleted : w.keep);
    const wrongClock = head.stored && new Date(head.time) - new Date(head.stored) > 600000;
    return h('th', { scope: 'col', class: 'version' },
      h('span', { class: 'version-name' }, w.version(i + 1), i === 0 && h('span', { class: 'chip' }, w.shown), head.deleted && h('span', { class: 'chip high' }, w.deleted)),
      h('span', { class: 'version-meta' }, h('strong', {}, this.people[i]), h('br'), this.places[i], h('br'), moment(head.time),
        head.sequence === 0 && h('span', { class: 'badge queued' }, w.queued)),
      wrongClock && h('span', { class: 'version-meta error' }, w.clock(moment(head.stored))),
      keep);
  }

  /** meant tells a click on this conflict from the rest of a double click on the one before. */
  meant(click) {
    return click.detail < 2 && click.timeStamp - decidedAt > 400;
  }

  async keep(head, heads, button) {
    const buttons = [...this.main.querySelectorAll('button.keep')];
    this.choosing = true;
    buttons.forEach((b) => { b.disabled = true; });
    button.textContent = words.conflicts.keeping;
    try {
      await post(`${this.path}/resolve`, { heads: heads.map((h1) => h1.event), keep: head.event });
      announce(words.conflicts.solved);
      decidedAt = performance.now();
      const next = this.next();
      go(next ? address(next) : '/conflicts');
    } catch (cause) {
      this.choosing = false;
      buttons.forEach((b) => { b.disabled = false; });
      button.textContent = head.deleted ? words.conflicts.keepDeleted : words.conflicts.keep;
      if (cause.status === 412) this.load(words.conflicts.elsewhere);
      else show(this.main.querySelector('.trouble'), h('p', { class: 'error' }, cause.message));
    }
  }
}

function cellOf(r, v, i, head) {
  if (head.deleted) return h('td', { class: 'absent' }, words.conflicts.deleted);
  if (!head.content) return h('td', { class: 'absent' }, words.conflicts.unread);
  const changed = !same(v, r.ancestor);
  const other = r.values.find((o, j) => j !== i && o !== undefined && !same(o, v));
  return h('td', { class: changed ? 'differs' : '' }, cell(v, r.name, other), changed && h('span', { class: 'spoken' }, ` (${words.conflicts.changed})`));
}

function cell(v, name, other) {
  if (v === undefined || v === null) return h('span', { class: 'absent' }, '—');
  const text = value(v, name);
  return other === undefined || other === null ? text : marked(text, value(other, name));
}

function summary(head) {
  if (head.deleted) return words.conflicts.deletedText;
  if (!head.content) return words.conflicts.unread;
  const said = describe(head.content);
  return [h('strong', {}, said.title), ' ', said.detail];
}

function back() {
  return h('a', { class: 'button', href: '/conflicts' }, words.conflicts.back);
}

function address(c) {
  return `/conflicts/${c.type}/${c.id}`;
}
