// What Consents of a dossier say about its Sumehr: the wish that the hub has it, the patient's
// consent, and the therapeutic relation. Their form is that of projections/sumehr/standing.

import { readRecord, writeRecord } from './api.js';
import { setAt } from './splice.js';
import { words } from './words.js';

const base = 'https://carelog.eu/fhir/CodeSystem/';
const marks = `${base}sumehr`;
const tables = ['cd-consenttype', 'cd-therapeuticlinktype'];

/** tableOf is the KMEHR table of which a Consent has a code, and where that code stands; null where it has none. */
export function tableOf(content) {
  for (const [i, concept] of (content?.category ?? []).entries()) {
    for (const [j, coding] of (concept.coding ?? []).entries()) {
      const table = tables.find((name) => (coding.system ?? '').toLowerCase().endsWith(`/${name}`));
      if (table && coding.code) return { table, code: coding.code, path: ['category', i, 'coding', j] };
    }
  }
  return null;
}

/** codingOf is the coding of a code of either table. */
export function codingOf(code) {
  return { system: base + (code === 'retrospective' ? tables[0] : tables[1]), code };
}

/** isWish reports whether it is about the hub having the Sumehr: that it shall, or that the patient refuses. */
export function isWish(content) {
  return content?.resourceType === 'Consent' && (content.category ?? []).some((concept) => (concept.coding ?? []).some((c) => c.system === marks && c.code === 'publish'));
}

/** refuses reports whether it is the patient's refusal. */
export const refuses = (content) => content.provision?.type === 'deny';

/** holds reports whether a Consent is in force on a day; a date of a month or a year counts for all of it. */
export function holds(content, day = new Date().toLocaleDateString('sv')) {
  const { start = '', end = '' } = content.provision?.period ?? {};
  const clipped = (a, b) => a.slice(0, Math.min(a.length, b.length, 10));
  return content.status === 'active' && (!start || clipped(start, day) <= clipped(day, start)) && (!end || clipped(end, day) >= clipped(day, end));
}

/** newConsent is a Consent of a patient with a coding, before it is saved. */
export function newConsent(patient, coding) {
  return {
    resourceType: 'Consent', status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [{ coding: [coding] }], patient, policyRule: { text: 'Sumehr' },
  };
}

/**
 * wish says whether the hub shall have the Sumehr or, with refusal, whether the patient refuses.
 * All that said otherwise say so no more, and one that is there is used again: two desks that
 * do the same apart do not disagree. In a conflict any version counts and only the one shown
 * could be written, so nothing is: the error has the way to it. It reports whether it is so
 * now; it is not where nothing was found that could be taken back.
 */
export async function wish(patient, records, on, refusal = false) {
  const alike = records.filter((r) => r.heads.some(({ content }) => isWish(content) && refuses(content) === refusal));
  const torn = alike.find((r) => r.conflict);
  if (torn) throw Object.assign(new Error(words.privacy.torn), { conflict: `/conflicts/Consent/${torn.id}` });
  if (!on) {
    const active = alike.filter((r) => r.content.status === 'active');
    await Promise.all(active.map((r) => setStatus(r.id, 'inactive')));
    return active.length > 0;
  }
  if (alike.some((r) => holds(r.content))) return true;
  const again = alike.find((r) => holds({ ...r.content, status: 'active' }));
  if (again) {
    await setStatus(again.id, 'active');
    return true;
  }
  const { resourceType, ...rest } = newConsent({ reference: `Patient/${patient}` }, { system: marks, code: 'publish' });
  const id = crypto.randomUUID();
  await writeRecord('Consent', id, JSON.stringify({ resourceType, id, ...rest, ...(refusal && { provision: { type: 'deny' } }) }), null);
  return true;
}

async function setStatus(id, status) {
  const { text, etag } = await readRecord('Consent', id);
  await writeRecord('Consent', id, setAt(text, ['status'], status), etag);
}
