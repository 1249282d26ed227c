// The Sumehr that a dossier makes now: what another doctor gets, to be read or as the message itself.

import { get, request } from './api.js';
import { h, later, show } from './dom.js';
import { kinds } from './kinds.js';
import { titled } from './light.js';
import { onLive } from './live.js';
import { publishOverButton } from './publishing.js';
import { takeInButton } from './takein.js';
import { date, kind, language, moment, number, sentence, words } from './words.js';
import { writeSSIN } from './resource.js';
import { step } from './router.js';

const views = ['read', 'xml', 'hub'];

/** sumehr is the page of one patient's Sumehr. */
export function sumehr(main, { id }, current) {
  const path = `/api/sumehr/${encodeURIComponent(id)}`;
  let view = views.find((name) => name === new URLSearchParams(location.search).get('view')) ?? 'read';
  show(main, h('p', { class: 'loading' }, words.loading));
  let turn = 0; // an answer that comes after that of a later question is not shown
  const load = async () => {
    const mine = ++turn;
    try {
      const answer = await get(`${path}?language=${language}`);
      const shown = await { read: () => readable(answer), xml: () => xml(path, id), hub: () => held(id, path, load) }[view]();
      if (current() && mine === turn) show(main, head(id, answer), chooser(), shown);
    } catch (cause) {
      if (current() && mine === turn && !main.querySelector('.sumehr')) fail(main, cause, id);
    }
  };
  const chooser = () => h('div', { class: 'views', role: 'group', 'aria-label': words.sumehr.views }, views.map((name) => h('button', {
    type: 'button', 'aria-pressed': String(view === name), onclick: async () => {
      view = name;
      step(view === 'read' ? location.pathname : `${location.pathname}?view=${view}`);
      await load();
      main.querySelector('.views [aria-pressed="true"]')?.focus();
    },
  }, { read: words.sumehr.readable, xml: words.sumehr.message, hub: words.sumehr.onHub }[name])));
  const again = later(load, 300);
  // The hub is asked when somebody wants to know, and not at every change of a record.
  const stop = onLive(({ kind: what, change }) => view !== 'hub' && (what === 'reset' || (what === 'change' && (change.patient === id || !change.patient))) && again());
  return {
    title: words.sumehr.title, ready: load(),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}

function fail(main, cause, id) {
  const w = words.sumehr;
  const confidential = cause.code === 'confidential';
  show(main, h('section', { class: 'empty' }, h('h1', {}, confidential ? w.confidential : words.errors.heading),
    h('p', {}, confidential ? w.confidentialText : cause.message), h('a', { class: 'button', href: `/patients/${id}` }, words.history.back)));
}

function head(id, { sumehr: page }) {
  const w = words.sumehr;
  const p = page.patient;
  titled(words.named(w.title, p.name));
  const facts = [
    p.born && [words.dossier.born, date(p.born)],
    p.sex && [words.patients.gender, words.gender[p.sex] ?? p.sex],
    p.number && [words.patients.number, writeSSIN(p.number)],
    page.author.name && [w.author, [page.author.name, page.author.number].filter(Boolean).join(', ')],
    [w.made, moment(page.made.replace(' ', 'T'), true)],
  ].filter(Boolean);
  return [
    h('div', { class: 'crumbs' }, h('a', { href: `/patients/${id}` }, words.history.back), h('a', { href: '/sumehr' }, w.back)),
    h('div', { class: 'page-head sumehr' }, h('div', {}, h('p', { class: 'over' }, w.longTitle), h('h1', {}, p.name || words.patients.unnamed),
      h('dl', { class: 'inline-facts' }, facts.map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text))))),
    h('div', { class: 'who-tools' }, h('button', { type: 'button', class: 'button small quiet', onclick: () => print() }, words.dossier.print))),
  ];
}

// troubles are what keeps it from being published.
function troubles(answer) {
  const w = words.sumehr;
  const wrong = answer.findings.filter((f) => f.severity === 'error');
  return [
    answer.publishable && h('p', { class: 'note fine' }, w.publishable),
    answer.incomplete && h('p', { class: 'note' }, words.dossier.incomplete),
    answer.conflicts.length > 0 && h('section', { class: 'card section' }, h('h2', {}, w.inConflict), h('ul', { class: 'findings' }, answer.conflicts.map((record) => h('li', {},
      h('a', { href: `/conflicts/${record}` }, words.named(named(record, answer), words.dossier.decide)))))),
    wrong.length > 0 && h('section', { class: 'card section' }, h('h2', {}, w.errors, ' ', h('span', { class: 'figure' }, number(wrong.length))), findings(wrong, answer)),
  ];
}

// remarks are what somebody should know of it, and what keeps nothing from anybody.
function remarks(answer) {
  const rest = answer.findings.filter((f) => f.severity !== 'error');
  return rest.length > 0 && h('details', { class: 'card' }, h('summary', {}, words.sumehr.remarks, ' ', h('span', { class: 'figure' }, number(rest.length))), findings(rest, answer));
}

function findings(list, answer) {
  return h('ul', { class: 'findings' }, list.map((f) => h('li', {}, finding(f, answer.patient, title(f.record, answer)))));
}

// finding is what a checker says, with the way to the record that it is about where that can be changed
// here; title is what that record is called.
function finding(f, patient, title) {
  const type = f.record?.split('/')[0];
  return [sentence(f.text), kinds[type] && [' ', h('a', { href: `/patients/${patient}?edit=${encodeURIComponent(f.record)}` }, title ? words.named(kind(type), title) : kind(type))]];
}

// title is what a record is called in the Sumehr; empty where it is not in it.
function title(record, answer) {
  return (record && answer.sumehr.sections.flatMap((s) => s.lines).find((l) => l.record === record)?.label) || '';
}

function named(record, answer) {
  return [kind(record.split('/')[0]), title(record, answer)].filter(Boolean).join(' ');
}

function readable(answer) {
  return [troubles(answer), sections(answer.sumehr), remarks(answer)];
}

function sections(page) {
  return h('div', { class: 'sumehr-sections' },
    page.remark && h('section', { class: 'card section' }, h('h2', {}, words.paths.note), h('p', { class: 'registration-text' }, page.remark)),
    page.sections.map((s) => h('section', { class: 'card section' }, h('h2', {}, s.title),
      s.lines.length === 0 ? h('p', { class: 'nothing' }, words.sumehr.nothingKnown) : h('ul', { class: 'registrations' }, s.lines.map(line)))));
}

function line(l) {
  const period = [date(l.begin), l.end && date(l.end)].filter(Boolean).join(' – ');
  return h('li', { class: 'registration' }, h('div', { class: 'registration-body' },
    h('p', { class: 'registration-title' }, l.label, l.state && h('span', { class: 'chip' }, words.codes[l.state] ?? l.state)),
    l.details?.length > 0 && h('p', { class: 'registration-detail' }, l.details.join(' · ')),
    h('p', { class: 'registration-meta' }, [period, l.codes?.join(', ')].filter(Boolean).join(' · '))));
}

async function xml(path, id) {
  const { text } = await request('GET', `${path}?format=xml`, { headers: { Accept: 'application/xml' } });
  const save = h('a', { class: 'button small', download: `sumehr-${id}.xml`, href: `${path}?format=xml` }, words.sumehr.save);
  return h('section', { class: 'card flush' }, h('div', { class: 'section-head' }, h('h2', {}, words.sumehr.message), save),
    h('pre', { class: 'xml', tabindex: 0, 'aria-label': words.sumehr.message }, text));
}

// held is what the hub has of the patient now, with the choice to put ours in its place.
async function held(id, path, again) {
  const w = words.sumehr;
  let answer;
  try {
    answer = await get(`${path}/hub?language=${language}`);
  } catch (cause) {
    if (![404, 503].includes(cause.status)) throw cause;
    return h('section', { class: 'empty card' }, h('h2', {}, cause.status === 404 || cause.code === 'no-hub' ? w.noHub : cause.message));
  }
  const [newest] = answer.holds;
  return [
    answer.holds.length === 0 ? h('p', { class: 'nothing' }, w.holdsNothing) : h('section', { class: 'card flush' }, h('div', { class: 'section-head' }, h('h2', {}, w.onHub)),
      h('table', { class: 'list blocks' }, h('thead', {}, h('tr', {}, [w.made, w.author, words.privacy.uri, ''].map((t) => (t ? h('th', { scope: 'col' }, t) : h('td', {}))))),
        h('tbody', {}, answer.holds.map((one) => h('tr', {}, h('th', { scope: 'row' }, moment(one.recorded, true)), h('td', { class: 'figures' }, one.author),
          h('td', { class: 'wide link', dataset: { label: words.privacy.uri } }, one.uri), h('td', {}, h('span', { class: 'chip' }, one.ours ? w.ours : w.theirs))))))),
    newest && !newest.ours && h('section', { class: 'card section' }, h('h2', {}, w.chooseTitle), h('p', {}, w.chooseText), h('div', { class: 'actions' }, takeInButton(id, newest.uri), publishOverButton(id, again, newest.uri))),
    answer.sumehr && sections(answer.sumehr),
  ];
}
