// A page as carelog writes it. It stands in the HTML of its address, or is asked for as a fragment; what
// happens later writes its parts (data-part) anew where they differ, and nothing under anybody's hands.

import { fragment } from './api.js';
import { h, redraw, show } from './dom.js';
import { words } from './words.js';

let inHTML = true; // what came with the address is taken once: later it may be what an earlier page left

/** Written is the page of one name (data-page). address gives that of its fragment, as it is asked for now. */
export class Written {
  constructor(main, name, address, current) {
    Object.assign(this, { main, name, address, current });
    this.texts = new Map(); // of the parts as carelog wrote them
    this.opened = new Map(); // how often there was more of a list
    this.turn = 0;
  }

  /** begin has the page stand, and calls came with its root, once more where all of it was written anew. */
  async begin(came) {
    this.came = came;
    const given = inHTML && this.root();
    inHTML = false;
    if (given) this.stands();
    else await this.ask();
  }

  root() {
    return this.main.querySelector(`[data-page="${this.name}"]`);
  }

  async ask() {
    try {
      const now = await fragment(this.address());
      if (!this.current()) return;
      show(this.main, now);
      this.stands();
    } catch (cause) {
      if (!this.current()) return;
      show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message),
        h('button', { type: 'button', class: 'button', onclick: () => this.ask() }, words.retry)));
    }
  }

  stands() {
    this.texts.clear();
    for (const part of this.main.querySelectorAll('[data-part]')) this.texts.set(part.dataset.part, written(part));
    const root = this.root();
    root.addEventListener('click', ({ target }) => target.matches('.rest') && this.more(target));
    root.addEventListener('printed', () => root.querySelectorAll('.rest').forEach((button) => { while (!button.hidden) this.more(button); }));
    root.addEventListener('focusout', () => { // what was held under a hand is written when it lets go
      if (!this.held) return;
      this.held = false;
      setTimeout(() => this.refresh());
    });
    this.came(root);
  }

  /** refresh writes anew what differs; what cannot be asked for stays, and the banner says that it may be old. */
  async refresh() {
    const mine = ++this.turn;
    let now;
    try {
      now = await fragment(this.address());
    } catch {
      return;
    }
    if (!this.current() || mine !== this.turn || !this.root()) return;
    const parts = [...now.querySelectorAll('[data-part]')];
    if (parts.length !== this.texts.size || parts.some((part) => !this.part(part.dataset.part))) { // another page than before, such as one of a dossier that has come
      show(this.main, now);
      this.stands();
      return;
    }
    for (const part of parts) this.rewrite(this.part(part.dataset.part), part);
  }

  /** spoiled says that a part no longer is what carelog wrote, though nothing may have changed there. */
  spoiled(name) {
    this.texts.set(name, '');
  }

  part(name) {
    return this.main.querySelector(`[data-part="${name}"]`);
  }

  rewrite(old, now) {
    const text = written(now);
    const held = now.dataset.still !== undefined && old.contains(document.activeElement) && document.activeElement.matches('select, input'); // a choice that somebody is making
    if (this.texts.get(now.dataset.part) === text) return;
    if (held) {
      this.held = true;
      return;
    }
    this.texts.set(now.dataset.part, text);
    old.hidden = now.hidden;
    old.className = now.className;
    redraw(old, ...now.childNodes);
    for (const list of old.querySelectorAll('[data-list]')) {
      for (let i = this.opened.get(list.dataset.list) ?? 0; i > 0; i--) open(list);
    }
  }

  // more shows what follows in a long list; how much is kept when the list is written anew.
  more(button) {
    const list = button.closest('[data-list]');
    this.opened.set(list.dataset.list, (this.opened.get(list.dataset.list) ?? 0) + 1);
    const rows = list.querySelector(':scope > .rows');
    const shown = rows.children.length;
    const focused = document.activeElement === button;
    open(list);
    if (focused && button.hidden) rows.children[shown]?.querySelector('a, button, summary')?.focus();
  }
}

function open(list) {
  const next = list.querySelector(':scope > template');
  if (next) list.querySelector(':scope > .rows').append(next.content);
  next?.remove();
  const button = list.querySelector(':scope > .rest');
  if (button) button.hidden = !list.querySelector(':scope > template');
}

function written(part) {
  return `${part.hidden} ${part.className} ${part.innerHTML}`;
}
