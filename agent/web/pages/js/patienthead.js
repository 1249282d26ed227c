// The head of a dossier: who it is, and what nobody may overlook.

import { h } from './dom.js';
import { historyLink } from './registrations.js';
import { age, concept, describe, personName, ssinOf, writeSSIN } from './resource.js';
import { date, moment, words } from './words.js';

/** patientHead is what stands above every view of a dossier; without person, its Patient is not here. */
export function patientHead(id, person, records, { incomplete, edit }) {
  const p = person?.content ?? {};
  const gone = p.deceasedDateTime || p.deceasedBoolean;
  const facts = [
    p.birthDate && [words.dossier.born, `${date(p.birthDate)}${gone ? '' : ` (${age(p.birthDate)})`}`],
    gone && [words.dossier.deceased, p.deceasedDateTime ? date(p.deceasedDateTime) : ''],
    p.gender && [words.patients.gender, words.gender[p.gender] ?? p.gender],
    ssinOf(p) && [words.patients.number, writeSSIN(ssinOf(p))],
  ].filter(Boolean);
  const name = person ? personName(p) : words.patients.unnamed;
  return [
    h('div', { class: 'who' }, h('h1', {}, name),
      h('dl', { class: 'inline-facts' }, facts.map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text)))),
      h('div', { class: 'who-tools' }, person?.queued && h('span', { class: 'badge queued' }, words.dossier.queued),
        person?.conflict && h('a', { class: 'badge conflict', href: `/conflicts/Patient/${id}` }, words.dossier.conflict(person.heads.length)),
        person?.content && h('button', { type: 'button', class: 'button small quiet', onclick: edit }, words.dossier.edit),
        person && historyLink(person, name),
        h('button', { type: 'button', class: 'button small quiet', onclick: () => print() }, words.dossier.print)),
      h('p', { class: 'printed' }, printed())),
    allergies(records, incomplete),
  ];
}

/** printed says when what is on paper was so. */
export function printed() {
  return words.dossier.printed(moment(new Date().toISOString(), true));
}

// allergies are those of every version that is in conflict: one that stands on one side
// only is an allergy until somebody has decided that it is not.
function allergies(records, incomplete) {
  const list = records.filter((r) => r.type === 'AllergyIntolerance');
  const unreadable = list.some((r) => r.heads.some((version) => version.doubt && !version.deleted));
  const found = new Map();
  for (const r of list) {
    r.heads.forEach((version) => {
      const said = version.content && describe(version.content);
      const verified = concept(version.content?.verificationStatus);
      if (!said?.title || said.past || ['refuted', 'entered-in-error'].includes(verified)) return;
      const known = found.get(said.title);
      // Of two versions the more dangerous one is shown.
      if (!known || (said.high && !known.high)) found.set(said.title, { ...said, href: r.conflict && `/conflicts/${r.type}/${r.id}` });
    });
  }
  const items = [...found.values()].sort((a, b) => Boolean(b.high) - Boolean(a.high));
  return h('section', { class: items.length + unreadable + Boolean(incomplete) > 0 ? 'safety' : 'safety calm', 'aria-label': words.dossier.safety },
    h('strong', { class: 'safety-title' }, items.length > 0 || unreadable || incomplete ? words.dossier.allergies : words.dossier.noAllergies),
    items.length > 0 && h('ul', {}, items.map((a) => h('li', { class: a.high ? 'high' : '' }, a.title,
      a.state && h('small', {}, ` ${a.state}`), a.href && [' ', h('a', { class: 'badge conflict', href: a.href }, words.dossier.alsoIn)]))),
    unreadable && h('p', {}, words.dossier.allergiesUnreadable),
    incomplete && h('p', {}, words.dossier.incomplete));
}
