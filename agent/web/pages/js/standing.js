// How the Sumehr of one patient stands, on the pages of that patient; carelog writes the table of all.

import { tell } from './dialog.js';
import { h } from './dom.js';
import { kinds } from './kinds.js';
import { publishButton } from './publishing.js';
import { kind, sentence, words } from './words.js';

const mostFindings = 3;

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

/** remedy is the button for what the user can do about a reason, as carelog says it; nothing where only somebody else can. */
export function remedy({ patient, button }, again) {
  if (!button) return null;
  if (button.link) return h('a', { class: 'button small', href: button.link }, button.text);
  if (button.do === 'set-up') return h('button', { type: 'button', class: 'button small', onclick: setUp }, button.text);
  return publishButton(patient, again, { text: button.text });
}

/** setUp says what whoever looks after the PC has to do, in as many words as it takes. */
export function setUp() {
  const w = words.sumehr;
  return tell(w.setUpTitle, [h('p', {}, w.setUpText), h('pre', { class: 'command' }, 'carelog agent --hub http://127.0.0.1:7900/'), h('p', {}, w.setUpOne)]);
}
