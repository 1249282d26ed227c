// The patients of the practice, and finding one.

import { get, resources, search } from './api.js';
import { h, later, show } from './dom.js';
import { onLive, status } from './live.js';
import { queryOf } from './query.js';
import { age, nameOf, ssinOf, writeSSIN } from './resource.js';
import { rewrite } from './router.js';
import { date, words } from './words.js';

const atOnce = '50';

/** patients is the page of all patients. */
export function patients(main) {
  const query = new URLSearchParams(location.search).get('q') ?? '';
  const input = h('input', {
    type: 'search', id: 'search', value: query, placeholder: words.patients.search, 'aria-label': words.patients.search,
    'aria-describedby': 'search-hint', autocomplete: 'off', spellcheck: 'false', oninput: () => typed(),
    onkeydown: (event) => {
      if (event.key === 'Enter' || event.key === 'ArrowDown') {
        event.preventDefault();
        const first = body.querySelector('a');
        if (event.key === 'Enter') first?.click();
        else first?.focus();
      }
    },
  });
  const body = h('tbody', { onkeydown: (event) => walk(event, body, input) });
  const found = h('p', { class: 'count', role: 'status' });
  const more = h('div', { class: 'more' });
  const head = [words.patients.name, words.patients.birth, words.patients.age, words.patients.gender, words.patients.number];
  show(main,
    h('div', { class: 'page-head' }, h('h1', {}, words.patients.title), h('a', { class: 'button primary', href: '/new-patient' }, words.patients.add)),
    h('div', { class: 'search' }, input, h('p', { class: 'hint', id: 'search-hint' }, words.patients.hint)),
    found,
    h('div', { class: 'card flush' }, h('table', { class: 'list' },
      h('thead', {}, h('tr', {}, head.map((t) => h('th', { scope: 'col' }, t)))), body), more));

  let abort = null;
  let partial = false; // what is shown may not be all
  const load = async () => {
    abort?.abort();
    abort = new AbortController();
    const { signal } = abort;
    const text = input.value.trim();
    try {
      const bundle = await search('Patient', { ...queryOf(text), _count: atOnce }, { signal });
      show(body);
      page(bundle, text);
    } catch (cause) {
      if (cause.name !== 'AbortError') show(found, h('span', { class: 'error' }, cause.message));
    }
  };
  const page = (bundle, text) => {
    const list = resources(bundle);
    body.append(...list.map(row));
    const total = bundle.total ?? body.rows.length;
    partial = Boolean(status()?.incomplete);
    show(found, body.rows.length === 0 ? nobody(text) : words.patients.count(total),
      partial && (text || body.rows.length > 0) && h('span', { class: 'perhaps' }, words.patients.perhaps));
    const next = bundle.link?.find((l) => l.relation === 'next')?.url;
    show(more, next && h('button', {
      type: 'button', class: 'button', onclick: async () => {
        const url = new URL(next, location.href);
        page(await get(url.pathname + url.search), text);
      },
    }, words.patients.more));
  };
  const soon = later(load, 120);
  const typed = () => {
    const text = input.value.trim();
    rewrite(text ? `/?q=${encodeURIComponent(text)}` : '/');
    soon();
  };
  const again = later(() => {
    // Not under the hands of somebody who walks through the list or has opened more of it.
    if (!body.contains(document.activeElement) && body.rows.length <= Number(atOnce)) load();
  }, 400);
  const stop = onLive((message) => {
    if (message.kind === 'reset' || (message.kind === 'change' && message.change.type === 'Patient') ||
      (message.kind === 'status' && Boolean(message.status.incomplete) !== partial)) again();
  });
  queueMicrotask(() => input.focus());
  return {
    title: words.patients.title, ready: load(),
    leave: () => {
      stop();
      abort?.abort();
      soon.cancel();
      again.cancel();
    },
  };
}

function row(person) {
  const { family, given, text } = nameOf(person);
  return h('tr', {},
    h('th', { scope: 'row' }, h('a', { class: 'row-link', href: `/patients/${person.id}` },
      h('strong', {}, family || text || words.patients.unnamed), given && ` ${given}`)),
    h('td', {}, date(person.birthDate)),
    h('td', {}, person.deceasedDateTime || person.deceasedBoolean ? words.dossier.deceased : age(person.birthDate)),
    h('td', {}, words.gender[person.gender] ?? ''),
    h('td', { class: 'figures' }, writeSSIN(ssinOf(person))));
}

function nobody(text) {
  if (text) return words.patients.nobody(text);
  return status()?.incomplete ? words.patients.arriving : words.patients.empty;
}

function walk(event, body, input) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const links = [...body.querySelectorAll('a')];
  const at = links.indexOf(document.activeElement) + step;
  (at < 0 ? input : links[Math.min(at, links.length - 1)]).focus();
}
