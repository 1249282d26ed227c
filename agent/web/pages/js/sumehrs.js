// Of whom the hub does not have the newest Sumehr: why, and what can be done about it.

import { get } from './api.js';
import { tell } from './dialog.js';
import { announce, h, later, s, show } from './dom.js';
import { kinds } from './kinds.js';
import { onLive } from './live.js';
import { who } from './names.js';
import { publishButton } from './publishing.js';
import { rewrite } from './router.js';
import { kind, language, moment, number, sentence, words } from './words.js';

const atOnce = 50;
const hubEvery = 10000; // ms: what the hub answers changes no record
const mostFindings = 3;

/** sumehrs is the page of the table. */
export function sumehrs(main, _, current) {
  const w = words.sumehr;
  const list = h('div', {});
  const count = h('span', { class: 'figure attention' });
  const filter = reasonFilter(() => draw());
  show(main, h('div', { class: 'page-head' }, h('h1', {}, w.title, ' ', count)), filter.element, list);

  let shown = atOnce;
  let answer = null;
  let known = '';
  const draw = async () => {
    const fits = answer.patients.filter((p) => !filter.chosen || p.reason === filter.chosen);
    const names = new Map(await Promise.all([...new Set(fits.map((p) => p.hub?.author).filter(Boolean))].map(async (id) => [id, await who(id)])));
    if (!current()) return;
    count.textContent = answer.patients.length > 0 ? number(answer.patients.length) : '';
    const held = placeOf(document.activeElement, list);
    show(list, answer.patients.length === 0 ? none(answer.wished) : [
      h('p', { class: 'lead' }, w.intro, ' ', w.wished(answer.wished)),
      answer.hub?.down_since && h('p', { class: 'note' }, w.hubDown(moment(answer.hub.down_since)), ' ', answer.hub.next && w.hubNext(moment(answer.hub.next))),
      fits.length === 0 ? h('p', { class: 'nothing' }, w.noneHere) : table(fits.slice(0, shown).map((p) => row(p, names, load))),
      fits.length > shown && h('div', { class: 'more' }, h('button', { type: 'button', class: 'button', onclick: () => { shown += atOnce; draw(); } }, words.patients.more)),
    ]);
    backTo(held, list);
  };
  let turn = 0; // an answer that comes after that of a later question is not shown
  const load = async () => {
    const mine = ++turn;
    try {
      const found = await get(`/api/sumehr?language=${language}`);
      const text = JSON.stringify(found);
      if (!current() || mine !== turn || text === known) return; // nothing is drawn anew under anybody's hands for nothing
      known = text;
      answer = found;
      filter.offer(answer.patients);
      await draw();
    } catch (cause) {
      if (!current() || answer) return; // what is on the page stays; the banner says that it may be old
      show(list, cause.status === 404 ? h('section', { class: 'empty card' }, h('h2', {}, w.noTable)) : h('p', { class: 'error' }, cause.message));
    }
  };
  const again = later(load, 300);
  const stop = onLive((message) => message.kind !== 'contact' && again());
  const clock = setInterval(load, hubEvery);
  return {
    title: w.title, ready: load(),
    leave: () => {
      stop();
      clearInterval(clock);
      again.cancel();
    },
  };
}

// reasonFilter chooses one reason. The choice stands in the address, so that it can be gone back to.
function reasonFilter(changed) {
  const filter = { chosen: new URLSearchParams(location.search).get('reason') ?? '' };
  const select = h('select', {
    name: 'reason', 'aria-label': words.sumehr.anyReason, onchange: () => {
      filter.chosen = select.value;
      rewrite(filter.chosen ? `/sumehr?reason=${encodeURIComponent(filter.chosen)}` : '/sumehr');
      changed();
    },
  });
  filter.element = h('div', { class: 'filters', hidden: true }, select);
  filter.offer = (patients) => {
    if (select === document.activeElement) return; // not under the hands of the user
    const counts = new Map();
    for (const p of patients) counts.set(p.reason, (counts.get(p.reason) ?? 0) + 1);
    if (filter.chosen && !counts.has(filter.chosen)) counts.set(filter.chosen, 0);
    show(select, h('option', { value: '' }, words.sumehr.anyReason),
      [...counts].map(([reason, n]) => h('option', { value: reason }, `${words.sumehr.reasons[reason] ?? reason} (${number(n)})`)));
    select.value = filter.chosen;
    filter.element.hidden = counts.size < 2;
  };
  return filter;
}

function none(wished) {
  const w = words.sumehr;
  return h('section', { class: 'empty card' },
    h('h2', {}, wished > 0 ? w.none : w.nobody),
    h('p', {}, wished > 0 ? w.wished(wished) : w.nobodyText));
}

function table(rows) {
  const w = words.sumehr;
  return h('div', { class: 'card flush scroll' }, h('table', { class: 'list sumehrs' },
    h('thead', {}, h('tr', {}, [words.conflicts.patient, w.onHub, w.behind, w.why].map((t) => h('th', { scope: 'col' }, t)), h('td', {}))),
    h('tbody', {}, rows)));
}

function row(p, names, again) {
  const w = words.sumehr;
  return h('tr', { dataset: { patient: p.patient, reason: p.reason } },
    h('th', { scope: 'row' }, h('a', { href: `/patients/${p.patient}` }, p.name || words.patients.unnamed)),
    h('td', { class: 'figures', dataset: { label: w.onHub } }, p.hub ? [moment(p.hub.since), p.hub.author && h('div', { class: 'line' }, h('small', {}, words.dossier.by(names.get(p.hub.author) ?? p.hub.author)))] : h('span', { class: 'nothing' }, w.nothing)),
    h('td', { class: 'figures', dataset: { label: w.behind } }, p.since ? moment(p.since) : '—'),
    h('td', { class: 'why' }, reasonSaid(p), p.next && h('p', {}, words.named(w.next, moment(p.next)))),
    h('td', { class: 'tools' }, h('div', { class: 'actions' }, remedy(p, again),
      h('a', { class: 'icon-button', href: `/sumehr/${p.patient}`, 'aria-label': w.show(p.name || words.patients.unnamed), title: w.see }, glass()))));
}

/** reasonSaid is why a Sumehr is not the newest, with the records to blame. */
export function reasonSaid(p) {
  const w = words.sumehr;
  return [
    h('strong', {}, w.reasons[p.reason] ?? p.reason), h('p', {}, `${sentence(p.text)}.`),
    p.reason === 'no-session' && p.author && h('p', {}, words.named(w.author, p.author)),
    p.detail && h('details', {}, h('summary', {}, words.light.exactly), h('p', { lang: 'en' }, p.detail)),
    p.findings.length > 0 && h('ul', { class: 'findings' }, p.findings.slice(0, mostFindings).map((f) => h('li', {}, finding(f, p.patient)))),
    p.findings.length > mostFindings && h('p', {}, h('a', { href: `/sumehr/${p.patient}` }, words.synchronisation.more(p.findings.length - mostFindings))),
  ];
}

/**
 * finding is what a checker says, with the way to the record that it is about where that can be
 * changed here; title is what that record is called.
 */
export function finding(f, patient, title = '') {
  const type = f.record?.split('/')[0];
  return [sentence(f.text), kinds[type] && [' ', h('a', { href: `/patients/${patient}?edit=${encodeURIComponent(f.record)}` }, title ? words.named(kind(type), title) : kind(type))]];
}

/** remedy is the button for what the user can do about a reason; nothing where only somebody else can. */
export function remedy(p, again) {
  const w = words.sumehr;
  const privacy = `/patients/${p.patient}?view=privacy`;
  const to = {
    'withdraw-wish': privacy,
    'open-patient': `/patients/${p.patient}?edit=${encodeURIComponent(`Patient/${p.patient}`)}`,
    'record-consent': `${privacy}&record=retrospective`,
    'record-relation': `${privacy}&record=gmd`,
    resolve: p.records.length > 0 ? `/conflicts/${p.records[0]}` : '/conflicts',
    connect: '/sync',
    correct: p.findings[0]?.record ? `/patients/${p.patient}?edit=${encodeURIComponent(p.findings[0].record)}` : `/sumehr/${p.patient}`,
    choose: `/sumehr/${p.patient}?view=hub`,
  }[p.do];
  if (to) return h('a', { class: 'button small', href: to }, w.do[p.do]);
  if (p.do === 'set-up-hub') return h('button', { type: 'button', class: 'button small', onclick: () => tell(w.setUpTitle, howToSetUp()) }, w.do[p.do]);
  if (p.do === 'log-in') return publishButton(p.patient, again, { text: w.do[p.do] });
  if (['unreachable', 'waiting'].includes(p.reason)) return publishButton(p.patient, again);
  return null;
}

// howToSetUp is what whoever looks after the PC has to do, in as many words as it takes.
function howToSetUp() {
  const w = words.sumehr;
  return [h('p', {}, w.setUpText), h('pre', { class: 'command' }, 'carelog agent --hub http://127.0.0.1:7900/'), h('p', {}, w.setUpOne)];
}

// placeOf names what has the focus within the table, so that it has it again when the table is drawn anew.
function placeOf(element, list) {
  const at = list.contains(element) && element.closest('[data-patient]');
  return at ? { patient: at.dataset.patient, index: [...at.querySelectorAll('a, button, summary')].indexOf(element) } : null;
}

function backTo(held, list) {
  if (!held) return;
  const at = list.querySelector(`[data-patient="${CSS.escape(held.patient)}"]`);
  if (at) [...at.querySelectorAll('a, button, summary')][held.index]?.focus();
  else announce(words.sumehr.gone);
}

function glass() {
  return s('svg', { viewBox: '0 0 24 24', class: 'glass', 'aria-hidden': 'true', focusable: 'false' },
    s('circle', { cx: 10.5, cy: 10.5, r: 6 }), s('path', { d: 'M15 15l5 5' }));
}
