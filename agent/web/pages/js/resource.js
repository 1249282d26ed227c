// What a FHIR resource says, in words.

import { isPublication, isWish, refuses, tableOf } from './consents.js';
import { date, kind, label, words } from './words.js';

/** SSIN is the system of the Belgian national number. */
export const SSIN = 'https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin';

/** safety are the types that a prescriber must not overlook. */
export const safety = new Set(['AllergyIntolerance', 'MedicationStatement', 'MedicationRequest', 'Flag']);

/** concept is the text of a CodeableConcept: its own words, else those of a code. */
export function concept(value) {
  if (!value || typeof value !== 'object') return '';
  const coding = value.coding?.find((c) => c.display) ?? value.coding?.[0];
  return value.text || coding?.display || coding?.code || '';
}

const LOINC = 'http://loinc.org';

// measure is the name of what is measured: its own words, else ours for the codes that are used every day, since those of a code are English.
function measure(value) {
  return value?.text || value?.coding?.filter((c) => c.system === LOINC).map((c) => words.measures[c.code]).find(Boolean) || concept(value);
}

/** code is the code of the first coding of a CodeableConcept. */
export function code(value) {
  return value?.coding?.[0]?.code ?? '';
}

/** personName is the name of a Patient or a Practitioner as a sentence writes it. */
export function personName(person) {
  const { family, given } = nameOf(person);
  return upright([given, family].filter(Boolean).join(' ')) || upright(person?.name?.[0]?.text ?? '') || person?.id || words.patients.unnamed;
}

/** upright is a name without the marks that turn the text around it. */
export function upright(name) {
  return String(name).replace(/[\u202A-\u202E\u2066-\u2069]/g, '');
}

/** nameOf takes the name that is in use apart. */
export function nameOf(person) {
  const names = Array.isArray(person?.name) ? person.name : [];
  const name = names.find((n) => n.use === 'official') ?? names.find((n) => n.use !== 'old') ?? names[0] ?? {};
  return { family: name.family ?? '', given: (name.given ?? []).filter(Boolean).join(' '), text: name.text ?? '' };
}

/** ssinOf is the national number of a Patient, as digits. */
export function ssinOf(person) {
  return person?.identifier?.find((i) => i.system === SSIN)?.value ?? '';
}

/** writeSSIN groups the digits of a national number as the card does. */
export function writeSSIN(digits) {
  const m = /^(\d\d)(\d\d)(\d\d)(\d{3})(\d\d)$/.exec(digits);
  return m ? `${m[1]}.${m[2]}.${m[3]}-${m[4]}.${m[5]}` : digits;
}

/** validSSIN checks the two check digits, for births before and since 2000. */
export function validSSIN(digits) {
  if (!/^\d{11}$/.test(digits)) return false;
  const check = Number(digits.slice(9));
  return [digits.slice(0, 9), `2${digits.slice(0, 9)}`].some((n) => 97 - (Number(n) % 97) === check);
}

// noteText is the plain text of a note; null where its content is of another kind.
function noteText(resource) {
  const attachment = resource?.content?.[0]?.attachment;
  if (!attachment || !(attachment.contentType ?? '').startsWith('text/plain')) return null;
  return attachment.data === undefined ? '' : fromBase64(attachment.data);
}

/** fromBase64 reads UTF-8 text; null where it is none. */
export function fromBase64(data) {
  try {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** toBase64 writes UTF-8 text. */
export function toBase64(text) {
  return btoa(Array.from(new TextEncoder().encode(text), (b) => String.fromCharCode(b)).join(''));
}

/**
 * describe says what a resource is about: {title, detail, state, when, past}. past marks what
 * is over, so that it does not stand between what matters now.
 */
export function describe(resource) {
  const r = resource ?? {};
  const said = (describers[r.resourceType] ?? describeOther)(r);
  const gone = [code(r.verificationStatus), r.status].find((c) => ['refuted', 'entered-in-error', 'not-done'].includes(c));
  if (gone) Object.assign(said, { state: words.form.void[gone] ?? gone, past: true, high: false }); // it does not hold, however dangerous it would be
  if (said.detail === said.title) said.detail = '';
  return said;
}

// named is the first of texts that says something, else the narrative, else that there is no name.
function named(r, ...texts) {
  return [...texts, narrative(r)].find((text) => text?.trim()) ?? words.dossier.nameless(kind(r.resourceType));
}

function narrative(r) {
  return cut((r.text?.div ?? '').replace(/<[^>]*>/g, ' ').trim());
}

// cut is the beginning of a text, whole characters, as much as a title holds.
function cut(text) {
  return [...text].slice(0, 120).join('');
}

const describers = {
  Consent: (r) => {
    const { start, end } = r.provision?.period ?? {};
    const code = tableOf(r)?.code;
    const title = isWish(r) ? (refuses(r) ? words.privacy.refused : words.privacy.wish) : code && (words.form.about[code] ?? code);
    return {
      title: title || describeOther(r).title, detail: start || end ? words.privacy.period(date(start) || '…', date(end) || '…') : '',
      state: r.status === 'active' ? '' : words.form.holds[r.status] ?? words.codes[r.status] ?? r.status, when: start ?? r.dateTime,
      past: r.status !== 'active' || Boolean(end && end < new Date().toISOString().slice(0, end.length)),
    };
  },
  Patient: (r) => ({ title: personName(r), detail: '', state: '', when: r.birthDate, past: false }),
  DocumentReference: (r) => (isPublication(r) ? {
    title: words.privacy.publication, detail: r.masterIdentifier?.value ?? '', state: r.status === 'current' ? '' : words.privacy.takenBack, when: r.date, past: r.status !== 'current',
  } : {
    title: noteText(r) === null ? r.description || concept(r.type) || kind('DocumentReference') : r.description ?? '',
    detail: noteText(r) ?? r.content?.[0]?.attachment?.title ?? '', state: '', when: r.date ?? r.context?.period?.start, past: r.status === 'superseded',
  }),
  Condition: (r) => {
    const state = code(r.clinicalStatus);
    return {
      title: named(r, concept(r.code), cut(remarks(r))), detail: remarks(r), state: state === 'active' ? '' : words.form.clinical[state] ?? '',
      when: started(r, 'onset') ?? r.recordedDate, past: ['inactive', 'resolved', 'remission'].includes(state),
    };
  },
  AllergyIntolerance: (r) => {
    const state = code(r.clinicalStatus);
    const listed = (texts) => texts.filter(Boolean).join(', ');
    const substances = listed((r.reaction ?? []).map((x) => concept(x.substance)));
    const reactions = listed((r.reaction ?? []).flatMap((x) => [...(x.manifestation ?? []).map(concept), x.description]));
    return {
      title: named(r, concept(r.code), substances, cut(remarks(r)), reactions), detail: [reactions, remarks(r)].filter(Boolean).join('. '),
      state: [words.form.criticality[r.criticality], state && state !== 'active' && words.form.clinical[state]].filter(Boolean).join(', '),
      when: started(r, 'onset') ?? r.recordedDate, past: ['inactive', 'resolved'].includes(state), high: r.criticality === 'high',
    };
  },
  MedicationStatement: medication,
  MedicationRequest: medication,
  Immunization: (r) => ({ title: named(r, concept(r.vaccineCode), cut(remarks(r))), detail: remarks(r), state: '', when: r.occurrenceDateTime, past: false }),
  Observation: (r) => ({ title: measure(r.code), detail: measured(r), state: '', when: started(r, 'effective'), past: false }),
};

function medication(r) {
  return {
    title: named(r, medicine(r), referred(r)), detail: (r.dosage ?? r.dosageInstruction ?? []).map((d) => d.text).filter(Boolean).join('; '),
    state: r.status && !['active', 'unknown'].includes(r.status) ? words.form.taking[r.status] ?? r.status : '',
    when: started(r, 'effective') ?? r.authoredOn ?? r.dateAsserted, past: ['completed', 'stopped', 'not-taken', 'entered-in-error', 'cancelled'].includes(r.status),
  };
}

function medicine(r) {
  const { reference, display } = r.medicationReference ?? {};
  const within = r.contained?.find((c) => c.id && reference === `#${c.id}`);
  const parts = (within?.ingredient ?? []).map((i) => concept(i.itemCodeableConcept)).filter(Boolean).join(', ');
  return concept(r.medicationCodeableConcept) || display || concept(within?.code) || parts;
}

function referred(r) {
  const { reference, identifier } = r.medicationReference ?? {};
  return identifier?.value || (reference ? words.named(words.dossier.nameless(kind('MedicationStatement')), reference) : '');
}

function describeOther(r) {
  const title = [r.code, r.type, r.category, r.vaccineCode, r.serviceType].map((v) => concept(Array.isArray(v) ? v[0] : v)).find(Boolean);
  return {
    title: title || r.description || r.title || narrative(r), detail: remarks(r), state: '',
    when: started(r, 'effective') ?? started(r, 'performed') ?? r.period?.start ?? r.date ?? r.issued ?? r.created ?? r.authoredOn, past: false,
  };
}

function started(r, choice) {
  return r[`${choice}DateTime`] ?? r[`${choice}Period`]?.start ?? r[`${choice}Instant`];
}

function remarks(r) {
  return Array.isArray(r.note) ? r.note.map((n) => n.text).filter(Boolean).join('. ') : '';
}

function measured(r) {
  if (r.valueQuantity) return quantity(r.valueQuantity);
  const parts = bloodPressure(r.component ?? []) ?? (r.component ?? []).map((c) => `${measure(c.code)} ${quantity(c.valueQuantity ?? {})}`.trim()).join(', ');
  return r.valueString ?? (concept(r.valueCodeableConcept) || parts);
}

function quantity({ comparator = '', value: amount = '', unit = '' }) {
  return `${comparator}${amount} ${unit}`.trim();
}

// bloodPressure writes 138/84 mmHg where there is that and nothing else; undefined where there is not.
function bloodPressure(components) {
  const [systolic, diastolic] = ['8480-6', '8462-4'].map((wanted) =>
    components.find((c) => c.code?.coding?.some((k) => k.system === LOINC && k.code === wanted))?.valueQuantity);
  const plain = components.length === 2 && [systolic, diastolic].every((q) => q?.value !== undefined && !q.comparator) && systolic.unit === diastolic.unit;
  return plain ? quantity({ value: `${systolic.value}/${diastolic.value}`, unit: systolic.unit }) : undefined;
}

/** value says any value of a resource in words, as short as it can. */
export function value(v, name = '') {
  if (v === null || v === undefined) return '';
  if (typeof v === 'boolean') return v ? words.yes : words.no;
  if (typeof v === 'string') return text(v, name);
  if (typeof v !== 'object') return String(v);
  if (Array.isArray(v)) return v.map((item) => value(item, name)).filter(Boolean).join('; ');
  if (v.coding || (v.text && typeof v.text === 'string')) return words.codes[concept(v)] ?? (concept(v) || v.text);
  if (v.system && v.code && !('value' in v)) return v.display ? `${v.display} (${v.code})` : v.code;
  if ('value' in v) return [v.comparator, String(v.value), v.unit ?? (v.system === SSIN ? '' : v.use)].filter(Boolean).join(' '); // also nought is a value
  if (v.reference) return v.display ?? v.reference;
  if (v.start || v.end) return `${date(v.start) || '…'} – ${date(v.end) || '…'}`;
  if (v.family || v.given) return personName({ name: [v] });
  if (v.attachment) return value(v.attachment);
  if (v.data) return fromBase64(v.data) ?? v.title ?? v.contentType ?? '';
  return Object.entries(v).map(([key, inner]) => words.named(label(key), value(inner, key))).join(', ');
}

function text(v, name) {
  if (name === 'data') return fromBase64(v) ?? v;
  if (name === 'gender') return words.gender[v] ?? v;
  if (name === 'criticality') return words.form.criticality[v] ?? v;
  if (name === 'status') return words.codes[v] ?? v;
  if (/^\d{4}-\d\d(-\d\d)?(T[\d:.+Z-]+)?$/.test(v)) return date(v);
  return v;
}
