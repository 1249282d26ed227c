// The patients of the practice, and finding one. carelog writes the page; this lets it follow what
// is typed and what happens.

import { fragment } from './api.js';
import { h, later, promptly, show } from './dom.js';
import { onLive } from './live.js';
import { queryOf } from './query.js';
import { step } from './router.js';
import { words } from './words.js';

const atOnce = 50;

/** patients is the page of all patients. */
export function patients(main, _, current) {
  const typed = new URLSearchParams(location.search).get('q') ?? '';
  const page = new Patients(main);
  return { title: words.patients.title, focuses: true, ready: page.begin(typed, current), leave: () => page.leave(), follow: () => page.follow() };
}

class Patients {
  constructor(main) {
    this.main = main;
    this.soon = promptly(() => this.load(), 120);
    this.again = later(() => {
      // Not under the hands of somebody who walks through the list or has opened more of it.
      if (!this.found.contains(document.activeElement) && this.rows().length <= atOnce) this.load();
    }, 400);
  }

  // begin takes the page that came with the address, or asks for it.
  async begin(typed, current) {
    if (!this.main.querySelector('#found')) {
      try {
        const given = await fragment(addressOf(typed), { signal: this.asking() });
        if (current()) show(this.main, given);
      } catch (cause) {
        if (current() && cause.name !== 'AbortError') this.fail(cause, typed);
        return;
      }
      if (!current()) return;
    }
    this.input = this.main.querySelector('#search');
    this.found = this.main.querySelector('#found');
    this.shown = typed.trim(); // whose list stands there
    this.input.addEventListener('input', () => this.type());
    this.input.addEventListener('keydown', (event) => this.enter(event));
    this.listen();
    this.stop = onLive((message) => {
      const partial = this.found.dataset.partial === 'true';
      if (message.kind === 'reset' || (message.kind === 'change' && message.change.type === 'Patient') ||
        (message.kind === 'status' && Boolean(message.status.incomplete) !== partial)) this.again();
    });
    this.input.focus();
    // What was typed before the page came to life is looked for as well.
    if (this.found.dataset.partial === undefined || this.input.value !== typed) await this.load();
  }

  // follow looks for what the address says by now.
  async follow() {
    const typed = new URLSearchParams(location.search).get('q') ?? '';
    if (!this.input) return this.begin(typed, () => true);
    this.soon.cancel();
    this.input.value = typed;
    this.input.focus();
    return this.load();
  }

  leave() {
    this.stop?.();
    this.abort?.abort();
    this.soon.cancel();
    this.again.cancel();
  }

  fail(cause, typed) {
    show(this.main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message),
      h('button', { type: 'button', class: 'button', onclick: () => this.begin(typed, () => true) }, words.retry)));
  }

  asking() {
    this.abort?.abort();
    this.abort = new AbortController();
    return this.abort.signal;
  }

  async load() {
    try {
      const text = this.input.value.trim();
      const now = (await fragment(addressOf(text), { signal: this.asking() })).querySelector('#found');
      this.shown = text;
      // Part by part: what is said of the list is a live region, which must stay to be heard.
      for (const part of ['.count', 'tbody', '.more']) show(this.found.querySelector(part), ...now.querySelector(part).childNodes);
      this.found.querySelector('.card').hidden = now.querySelector('.card').hidden;
      this.found.dataset.partial = now.dataset.partial;
    } catch (cause) {
      if (cause.name !== 'AbortError') this.wrong(cause);
    }
  }

  // wrong says what went wrong, where else it says how many there are.
  wrong(cause) {
    show(this.found.querySelector('.count'), h('span', { class: 'error' }, cause.message));
  }

  // listen lets the rows be walked through, and more of them come.
  listen() {
    this.found.querySelector('tbody').addEventListener('keydown', (event) => this.walk(event));
    this.found.addEventListener('click', ({ target }) => target.dataset.next && this.more(target));
  }

  // more adds the rows that follow, once however often it is pressed.
  async more(button) {
    button.disabled = true;
    try {
      const next = await fragment(button.dataset.next);
      if (!button.isConnected) return; // it is another list by now
      this.found.querySelector('tbody').append(...next.querySelectorAll('tbody tr'));
      for (const part of ['.count', '.more']) show(this.found.querySelector(part), ...next.querySelector(part).childNodes);
    } catch (cause) {
      button.disabled = false;
      this.wrong(cause);
    }
  }

  rows() {
    return [...this.found.querySelectorAll('tbody tr')];
  }

  type() {
    const text = this.input.value.trim();
    step(text ? `/?q=${encodeURIComponent(text)}` : '/', 'search');
    this.soon();
  }

  // enter goes to the first of those that were looked for: where it was faster than the list, that is asked for first.
  async enter(event) {
    if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    const text = this.input.value.trim();
    if (this.shown !== text) {
      this.soon.cancel();
      await this.load();
      if (this.shown !== text || this.input.value.trim() !== text || !this.input.isConnected) return;
    }
    const first = this.found.querySelector('tbody a');
    if (event.key === 'Enter') first?.click();
    else first?.focus();
  }

  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const links = [...this.found.querySelectorAll('tbody a')];
    const at = links.indexOf(document.activeElement) + step;
    (at < 0 ? this.input : links[Math.min(at, links.length - 1)]).focus();
  }
}

// addressOf is where the page is for what was typed.
function addressOf(text) {
  return `/fragments/patients?${new URLSearchParams({ ...queryOf(text), _count: atOnce, ...(text && { text }) })}`;
}
