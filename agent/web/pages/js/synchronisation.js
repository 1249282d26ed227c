// Where this desk stands: the light in full, what waits, and what somebody should look at.

import { fhir, get, post, request } from './api.js';
import { desks } from './desks.js';
import { ask } from './dialog.js';
import { announce, h, later, show } from './dom.js';
import { activity, colour, facts, lamp, switcher, warnings } from './light.js';
import { onLive, status } from './live.js';
import { patient, practitioners } from './names.js';
import { personName } from './resource.js';
import { kind, moment, number, problem, words } from './words.js';

const mostRows = 100;

/** synchronisation is the page of the light. */
export function synchronisation(main, _, current) {
  const state = h('section', { class: 'card state', 'aria-label': words.synchronisation.title });
  const doubts = h('div', { class: 'stack' });
  const queue = h('div', { class: 'stack' });
  const practice = h('div', { class: 'stack' });
  show(main, h('div', { class: 'page-head' }, h('h1', {}, words.synchronisation.title)), h('div', { class: 'stack' }, state, doubts, queue, practice));

  const drawState = () => {
    const now = status();
    if (!now || state.contains(document.activeElement)) return;
    show(state,
      h('div', { class: 'state-head', dataset: { light: colour() } }, lamp(), h('div', {},
        h('h2', {}, words.light[colour()] ?? words.loading), h('p', {}, words.light.meaning[colour()] ?? ''))),
      colour() === 'unknown' ? null : activity(now.activity), facts(now, true), h('div', { class: 'actions' }, switcher(now)));
    show(doubts, lookAt(now));
  };
  const drawQueue = async () => {
    try {
      const { outbox } = await get('/api/outbox');
      const names = await practitioners().catch(() => new Map());
      const shown = await rows(outbox, names, again);
      if (current()) show(queue, shown);
    } catch (cause) {
      if (current() && !queue.firstChild) show(queue, h('p', { class: 'error' }, cause.message));
    }
  };
  const again = later(drawQueue, 200);
  const drawPractice = async () => {
    const shown = await desks().catch((cause) => h('p', { class: 'error' }, cause.message));
    if (current()) show(practice, shown);
  };
  const practiceAgain = later(drawPractice, 1000);
  const stop = onLive((message) => {
    if (message.kind === 'status' || message.kind === 'contact') drawState();
    if (message.kind !== 'contact') again();
    if (message.kind === 'status' || message.kind === 'reset') practiceAgain();
  });
  drawState();
  return {
    title: words.synchronisation.title, ready: Promise.all([drawQueue(), drawPractice()]),
    leave: () => {
      stop();
      again.cancel();
      practiceAgain.cancel();
    },
  };
}

function lookAt(now) {
  const w = words.synchronisation;
  const inDoubt = Object.entries(now.doubts ?? {}).filter(([, n]) => n > 0);
  return [
    h('div', { class: 'pair' },
      now.conflicts > 0 && h('section', { class: 'card section conflicts-open' }, h('h2', {}, w.conflicts, ' ', h('span', { class: 'figure attention' }, number(now.conflicts))),
        h('p', {}, h('a', { class: 'button', href: '/conflicts' }, w.toConflicts))),
      now.sumehr_behind > 0 && h('section', { class: 'card section sumehr-behind' }, h('h2', {}, words.light.sumehr, ' ', h('span', { class: 'figure attention' }, number(now.sumehr_behind))),
        h('p', {}, h('a', { class: 'button', href: '/sumehr' }, words.sumehr.toTable)))),
    now.warnings?.length > 0 && h('section', { class: 'card section' }, h('h2', {}, w.warnings), warnings(now.warnings)),
    inDoubt.length > 0 && h('section', { class: 'card section' }, h('h2', {}, w.doubts), h('p', {}, w.doubtsText),
      h('dl', { class: 'facts' }, inDoubt.map(([name, n]) => h('div', {}, h('dt', {}, w.doubtNames[name] ?? name), h('dd', {}, number(n)))))),
  ];
}

async function rows(outbox, names, again) {
  const w = words.synchronisation;
  const aside = outbox.filter((q) => q.set_aside);
  const waiting = outbox.filter((q) => !q.set_aside);
  const patients = new Map(await Promise.all(
    [...new Set([...aside, ...waiting].slice(0, 2 * mostRows).map((q) => q.patient).filter(Boolean))].map(async (id) => [id, await patient(id)])));
  const line = (q) => row(q, patients.get(q.patient), names, again);
  return [
    aside.length > 0 && section(w.aside, aside, line, w.asideText),
    waiting.length > 0 ? section(w.queue, waiting, line) : h('section', { class: 'card section' }, h('h2', {}, w.queue), h('p', { class: 'nothing' }, w.queueEmpty)),
  ];
}

function section(title, list, line, text = '') {
  const w = words.synchronisation;
  return h('section', { class: 'card flush' },
    h('div', { class: 'section-head' }, h('h2', {}, title, ' ', h('span', { class: 'figure' }, number(list.length)))),
    text && h('p', { class: 'section-text' }, text),
    h('div', { class: 'scroll' }, h('table', { class: 'list' },
      h('thead', {}, h('tr', {}, [words.conflicts.patient, w.record, w.who, w.when, w.attempts, w.error].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, list.slice(0, mostRows).map(line)))),
    list.length > mostRows && h('p', { class: 'section-text' }, w.more(list.length - mostRows)));
}

function row(q, person, names, again) {
  const w = words.synchronisation;
  return h('tr', {},
    h('th', { scope: 'row' }, q.patient ? h('a', { href: `/patients/${q.patient}` }, person ? personName(person) : q.patient) : words.conflicts.practice),
    h('td', {}, kind(q.type), q.deleted && h('span', { class: 'chip' }, words.conflicts.deleted)),
    h('td', {}, names.get(q.author) ?? q.author),
    h('td', { class: 'figures' }, moment(q.time)),
    h('td', { class: 'figures' }, number(q.attempts)),
    h('td', {}, lastAnswer(q), q.set_aside && h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'button small', onclick: (e) => act(e.target, () => post(`/api/outbox/${q.event}/retry`), w.retried, again) }, w.retry),
      h('button', { type: 'button', class: 'button small', onclick: (e) => act(e.target, () => download(q), '', () => {}) }, w.save),
      h('button', { type: 'button', class: 'button small danger', onclick: (e) => discard(q, e.target, again) }, w.discard))));
}

// lastAnswer is what the server said last, in the language in use; the exact words are in English.
function lastAnswer(q) {
  if (!q.last_error) return null;
  if (!q.problem) return h('span', { lang: 'en' }, q.last_error);
  return [problem(q.problem), h('details', {}, h('summary', {}, words.light.exactly), h('p', { lang: 'en' }, q.last_error))];
}

async function discard(q, button, again) {
  const w = words.synchronisation;
  const reason = await ask({ title: w.discardTitle, text: w.discardText, field: w.reason, action: w.discard, danger: true });
  if (reason) await act(button, () => post(`/api/outbox/${q.event}/discard`, { reason }), w.discarded, again);
}

async function act(button, f, said, again) {
  button.disabled = true;
  try {
    await f();
    if (said) announce(said);
    button.disabled = false;
  } catch (cause) {
    button.after(h('span', { class: 'error', role: 'alert' }, cause.message));
  }
  again();
}

// download gives the user what was set aside as a file, as the FHIR door gives it: with its version.
async function download(q) {
  const { text } = await request('GET', `${fhir(q.type, q.id)}/_history/${q.event}`, { headers: { Accept: 'application/fhir+json' } });
  const address = URL.createObjectURL(new Blob([text], { type: 'application/fhir+json' }));
  const link = h('a', { href: address, download: `${q.type}-${q.id}-${q.event}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
