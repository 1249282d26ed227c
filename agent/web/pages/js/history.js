// The history of one record: every version there was, and what differs between any two.

import { get } from './api.js';
import { h, later, redraw, show } from './dom.js';
import { onLive } from './live.js';
import { where, who } from './names.js';
import { describe, value } from './resource.js';
import { rewrite } from './router.js';
import { marked } from './textdiff.js';
import { kind, label, moment, number, words } from './words.js';

/** history is the page of one record; ?from= and ?to= name the versions that are compared. */
export function history(main, { type, id }, current) {
  const path = `/api/history/${type}/${encodeURIComponent(id)}`;
  const list = h('div', {});
  const difference = h('div', { id: 'difference', role: 'status' });
  const title = h('h1', {}, words.history.title(kind(type)));
  const back = h('span', {});
  show(main, h('div', { class: 'crumbs' }, back), h('div', { class: 'page-head' }, title), h('div', { class: 'stack' }, list, difference));
  const query = new URLSearchParams(location.search);
  const chosen = { from: query.get('from'), to: query.get('to') };

  let turn = 0;
  const compare = async () => {
    const mine = ++turn;
    rewrite(`${location.pathname}?${new URLSearchParams(chosen)}`);
    try {
      const { fields } = await get(`${path}/compare?${new URLSearchParams(chosen)}`);
      if (current() && mine === turn) show(difference, table(type, fields));
    } catch (cause) {
      if (current()) show(difference, h('p', { class: 'error' }, cause.message));
    }
  };
  const load = async () => {
    let answer;
    try {
      answer = await get(path);
    } catch (cause) {
      if (current() && !list.firstChild) show(main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, cause.message), h('a', { class: 'button', href: '/' }, words.toPatients)));
      return;
    }
    const versions = answer.versions;
    const names = await Promise.all(versions.map(async (v) => [await who(v.author), await where(v.device)]));
    if (!current()) return;
    show(back, answer.patient && h('a', { href: `/patients/${answer.patient}` }, words.history.back));
    const said = describe(versions.find((v) => v.content)?.content).title;
    title.textContent = words.history.title(said ? words.named(kind(type), said) : kind(type));
    redraw(list, versionList(versions, names, chosen, compare));
    if (versions.length > 1) {
      const known = (event) => versions.some((v) => v.event === event);
      if (!known(chosen.from)) chosen.from = versions[1].event;
      if (!known(chosen.to)) chosen.to = versions[0].event;
      for (const [name, event] of Object.entries(chosen)) list.querySelector(`input[name="${name}"][value="${event}"]`).checked = true;
      compare();
    }
  };
  const again = later(load, 150);
  const stop = onLive(({ kind: what, change }) => {
    if (what === 'reset' || (what === 'change' && change.type === type && change.id === id)) again();
  });
  load();
  return {
    title: words.history.title(kind(type)),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}

function versionList(versions, names, chosen, compare) {
  const w = words.history;
  const pick = (name, event, i) => h('input', {
    type: 'radio', name, value: event, 'aria-label': words.named(w[name], words.conflicts.version(number(versions.length - i))), onchange: () => {
      chosen[name] = event;
      compare();
    },
  });
  const several = versions.length > 1;
  return h('section', { class: 'card flush' },
    several && h('p', { class: 'section-text history-hint' }, w.pick),
    h('div', { class: 'scroll' }, h('table', { class: 'list versions' },
      h('thead', {}, h('tr', {}, [w.version, w.change, words.conflicts.who, words.conflicts.where, words.conflicts.when, several && w.from, several && w.to]
        .filter(Boolean).map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, versions.map((v, i) => h('tr', { dataset: { version: v.event, record: v.event } },
        h('th', { scope: 'row', class: 'figures' }, number(versions.length - i)),
        h('td', {}, change(v), v.head && h('span', { class: 'chip' }, w.head), v.sequence === 0 && h('span', { class: 'badge queued' }, words.dossier.queued)),
        h('td', {}, names[i][0]), h('td', {}, names[i][1]), h('td', { class: 'figures' }, moment(v.time)),
        several && h('td', {}, pick('from', v.event, i)), several && h('td', {}, pick('to', v.event, i))))))));
}

function change(v) {
  const w = words.history;
  if (v.deleted) return w.deleted;
  if (!v.parents?.length) return w.first;
  return v.parents.length > 1 ? w.settled : w.changed;
}

function table(type, fields) {
  const w = words.history;
  if (fields.length === 0) return h('p', { class: 'card' }, w.same);
  return h('div', { class: 'card flush scroll' }, h('table', { class: 'compare' },
    h('thead', {}, h('tr', {}, [words.conflicts.field, w.from, w.to].map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, fields.map((f) => {
      const plain = f.path.slice(f.path.indexOf('.') + 1).replace(/\[[^\]]*\]/g, '');
      const name = /\w*$/.exec(plain)[0];
      const [a, b] = [value(f.a, name), value(f.b, name)];
      return h('tr', {}, h('th', { scope: 'row' }, label(plain, type), f.order_only && h('small', {}, ` ${words.conflicts.order2}`)),
        h('td', {}, a ? marked(a, b) : '—'), h('td', { class: 'differs' }, b ? marked(b, a) : '—'));
    }))));
}
