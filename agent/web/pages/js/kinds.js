// The kinds of registration that the pages can make and change: their fields, and how
// each field stands in the resource.

import { parse } from './api.js';
import { codingOf, newConsent, tableOf } from './consents.js';
import { fits, typedPressure, unitOfPressure, unread, writePressure, writeUnitOfPressure } from './pressure.js';
import { current } from './user.js';
import { words } from './words.js';
import { SSIN, code, concept, fromBase64, nameOf, ssinOf, toBase64, writeSSIN } from './resource.js';
import { namesAt, removeAt, setAt, setTextAt } from './splice.js';
import { moment } from './typeddate.js';

const clinicalSystem = {
  Condition: 'http://terminology.hl7.org/CodeSystem/condition-clinical',
  AllergyIntolerance: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical',
};

// A field is {name, input, options, required, fits, notBefore, onlyWhile, read(resource) -> text, write(text, resource, value) -> text}; a date
// is notBefore that of another field, and stands onlyWhile another field is one of a few.

/** A field that is one string at a path. */
function plain(name, path, more = {}) {
  return {
    name, input: 'line', ...more,
    read: (r) => at(r, path) ?? '',
    write: (text, _, value) => (value ? setAt(text, path, value) : removeAt(text, path)),
  };
}

/** A field that is a date, perhaps without its day or month; other forms of the choice give way to it. */
function when(name, path, choice, more = {}) {
  const own = path[0];
  return {
    name, input: 'date', ...more,
    read: (r) => at(r, path) ?? '',
    write: (text, _, value) => {
      if (!value) return removeAt(text, path);
      const others = choice ? namesAt(text, []).filter((n) => n.replace(/^_/, '').startsWith(choice) && n !== own) : [];
      return setAt(others.reduce((t, n) => removeAt(t, [n]), text), path, value);
    },
  };
}

/** A field that is a concept in words. Other words make the codes of the old ones untrue, so these go. */
function inWords(name, path, more = {}) {
  return {
    name, input: 'line', ...more,
    read: (r) => concept(at(r, path)),
    coded: (r) => code(at(r, path)),
    write: (text, _, value) => (value ? setAt(text, path, { text: value }) : removeAt(text, path)),
  };
}

/** A field that is one code out of a few, as a concept of a fixed system. */
function coded(name, path, system, options, more = {}) {
  return {
    name, input: 'choice', options, ...more,
    read: (r) => code(at(r, path)),
    write: (text, _, value) => (value ? setAt(text, path, { coding: [{ system, code: value }] }) : removeAt(text, path)),
  };
}

/** A field that is one code out of a few, as it stands. */
function picked(name, path, options, more = {}) {
  return { ...plain(name, path, more), input: 'choice', options };
}

const remark = { ...plain('remark', ['note', 0, 'text'], { input: 'text' }) };
remark.write = (text, _, value) => (value ? setAt(text, ['note', 0, 'text'], value) : removeAt(text, ['note', 0]));

const noteData = ['content', 0, 'attachment', 'data'];

const note = {
  type: 'DocumentReference',
  patient: 'subject',
  fields: [
    plain('title', ['description']),
    {
      name: 'text', input: 'long', required: true,
      read: (r) => fromBase64(at(r, noteData) ?? '') ?? '',
      // A hash or size of the old text would be a lie about the new one.
      write: (text, _, value) => ['hash', 'size'].reduce(
        (t, n) => removeAt(t, ['content', 0, 'attachment', n]), setAt(text, noteData, toBase64(value))),
    },
  ],
  make: (subject) => ({
    resourceType: 'DocumentReference', status: 'current', type: { text: 'Note' }, subject,
    date: now(), ...authored('author', true), content: [{ attachment: { contentType: 'text/plain', data: '' } }],
  }),
};

const since = when('since', ['onsetDateTime'], 'onset');
const state = coded('clinical', ['clinicalStatus'], clinicalSystem.Condition, words.form.clinical);

const problem = {
  type: 'Condition',
  patient: 'subject',
  fields: [
    inWords('problem', ['code'], { required: true }),
    state,
    since,
    when('end', ['abatementDateTime'], 'abatement', { notBefore: since, onlyWhile: { field: state, is: ['inactive', 'remission', 'resolved'] } }), // con-4
    remark,
  ],
  make: (subject) => ({
    resourceType: 'Condition', clinicalStatus: status('Condition', 'active'), subject, recordedDate: now(), ...authored('recorder'),
  }),
};

const allergy = {
  type: 'AllergyIntolerance',
  patient: 'patient',
  fields: [
    inWords('substance', ['code'], { required: true }),
    picked('criticality', ['criticality'], words.form.criticality),
    inWords('reaction', ['reaction', 0, 'manifestation', 0]),
    coded('clinical', ['clinicalStatus'], clinicalSystem.AllergyIntolerance, pick(words.form.clinical, 'active', 'inactive', 'resolved')),
    since,
    remark,
  ],
  make: (patient) => ({
    resourceType: 'AllergyIntolerance', clinicalStatus: status('AllergyIntolerance', 'active'), patient, recordedDate: now(), ...authored('recorder'),
  }),
};
// A reaction is nothing without its manifestation.
allergy.fields[2].write = (text, _, value) => (value
  ? setAt(text, ['reaction', 0, 'manifestation', 0], { text: value }) : removeAt(text, ['reaction', 0]));

// What a dose says in words; its other members are figures and codes.
const inDoseWords = ['text', 'patientInstruction', 'additionalInstruction', 'id'];

// Figures and codes stand with the words of their own dose; those of a dose without words, with the words of the first.
const follows = (d, i) => i === 0 || !d.text;

/** The dose in words. Figures and codes beside other words would be a lie, so these go with the words that are changed. */
const dose = {
  ...plain('dose', ['dosage', 0, 'text'], { input: 'text' }),
  figures: (r) => (r.dosage ?? []).some((d, i) => follows(d, i) && Object.keys(d).some((n) => !inDoseWords.includes(n))),
  write: (text, r, value) => {
    let t = value ? setAt(text, ['dosage', 0, 'text'], value) : text;
    for (let i = (r.dosage ?? []).length - 1; i >= 0; i--) {
      if (!follows(r.dosage[i], i)) continue;
      for (const name of namesAt(t, ['dosage', i]) ?? []) {
        if (!inDoseWords.includes(name) || (!value && i === 0 && name === 'text')) t = removeAt(t, ['dosage', i, name]);
      }
    }
    return t;
  },
};

const start = when('start', ['effectivePeriod', 'start'], 'effective');

const begun = {
  ...start,
  // What is read here as the beginning goes with it.
  write: (text, r, value) => (value ? start.write(text, r, value) : removeAt(start.write(text, r, ''), ['effectiveDateTime'])),
  read: (r) => r.effectivePeriod?.start ?? r.effectiveDateTime ?? '',
};

/** Until when a medicine is taken. A beginning that stands alone becomes that of the period. */
const end = {
  ...plain('end', ['effectivePeriod', 'end'], { input: 'date', notBefore: begun }),
  write: (text, r, value) => {
    if (!value) return removeAt(text, ['effectivePeriod', 'end']);
    const period = r.effectiveDateTime ? start.write(text, r, begun.read(r)) : text;
    return setAt(period, ['effectivePeriod', 'end'], value);
  },
};

const medication = {
  type: 'MedicationStatement',
  patient: 'subject',
  fields: [
    inWords('medicine', ['medicationCodeableConcept'], { required: true }),
    dose,
    picked('taking', ['status'], words.form.taking, { required: true }),
    begun,
    end,
    remark,
  ],
  make: (subject) => ({ resourceType: 'MedicationStatement', status: 'active', subject, dateAsserted: now() }),
};
medication.fields[0].write = (text, _, value) => setAt(removeAt(text, ['medicationReference']), ['medicationCodeableConcept'], { text: value });

const vaccination = {
  type: 'Immunization',
  patient: 'patient',
  fields: [
    inWords('vaccine', ['vaccineCode'], { required: true }),
    when('givenOn', ['occurrenceDateTime'], 'occurrence', { required: true }),
    plain('lot', ['lotNumber']),
    remark,
  ],
  make: (patient) => ({ resourceType: 'Immunization', status: 'completed', patient, occurrenceDateTime: now().slice(0, 10), recorded: now() }),
};

const measurement = {
  type: 'Observation',
  patient: 'subject',
  fields: [
    inWords('measured', ['code'], { required: true }),
    {
      // A number is written with the digits that were typed; one that is only a bound, such as <5, stays one for as long as it says so.
      name: 'value', input: 'decimal', required: true,
      fits, read: (r) => typedPressure(r) ?? `${r.valueQuantity?.comparator ?? ''}${r.valueQuantity?.value ?? ''}`,
      write: (text, r, value) => {
        const pressure = writePressure(text, r, value);
        if (pressure !== null) return pressure;
        const [, bound, figures] = /^([<>]=?)?\s*(.*)$/.exec(value);
        const exact = setTextAt(unread(text, []), ['valueQuantity', 'value'], figures.replace(',', '.'));
        const comparator = ['valueQuantity', 'comparator'];
        return bound ? setAt(exact, comparator, bound) : removeAt(exact, comparator);
      },
    },
    {
      // The code of the old unit beside another one would be a lie.
      ...plain('unit', ['valueQuantity', 'unit']),
      read: (r) => r.valueQuantity?.unit ?? unitOfPressure(r),
      write: (text, r, value) => {
        const pressure = writeUnitOfPressure(text, r, value);
        if (pressure !== null) return pressure;
        const bare = ['code', 'system'].reduce((t, n) => removeAt(t, ['valueQuantity', n]), unread(text, []));
        return value ? setAt(bare, ['valueQuantity', 'unit'], value) : removeAt(bare, ['valueQuantity', 'unit']);
      },
    },
    when('measuredOn', ['effectiveDateTime'], 'effective', { required: true }),
    remark,
  ],
  make: (subject) => ({ resourceType: 'Observation', status: 'final', subject, effectiveDateTime: now(), ...authored('performer', true) }),
};

const patient = {
  type: 'Patient',
  patient: null,
  fields: [
    {
      name: 'family', input: 'line', required: true,
      read: (r) => nameOf(r).family,
      write: (text, r, value) => setAt(inParts(text, r), ['name', nameIndex(r), 'family'], value),
    },
    {
      name: 'given', input: 'line',
      read: (r) => nameOf(r).given,
      write: (text, r, value) => {
        const path = ['name', nameIndex(r)];
        const bare = removeAt(inParts(text, r), [...path, '_given']); // belongs to the old names, one by one
        return value ? setAt(bare, [...path, 'given'], value.split(/\s+/)) : removeAt(bare, [...path, 'given']);
      },
    },
    when('birthDate', ['birthDate'], null),
    picked('gender', ['gender'], words.gender),
    {
      name: 'ssin', input: 'ssin',
      read: (r) => writeSSIN(ssinOf(r)),
      write: (text, r, value) => {
        const list = r.identifier ?? [];
        const found = list.findIndex((i) => i.system === SSIN);
        const digits = value.replace(/\D/g, '');
        if (!digits) return found < 0 ? text : removeAt(text, ['identifier', found]);
        return found < 0 ? setAt(text, ['identifier', list.length], { system: SSIN, value: digits }) : setAt(text, ['identifier', found, 'value'], digits);
      },
    },
  ],
  make: () => ({ resourceType: 'Patient', name: [{ use: 'official' }] }),
};

const from = plain('from', ['provision', 'period', 'start'], { input: 'date' });

const consent = {
  type: 'Consent',
  patient: 'patient',
  fields: [
    {
      name: 'about', input: 'choice', options: words.form.about, required: true,
      read: (r) => tableOf(r)?.code ?? '',
      // Only the coding of the table: whatever else the category says stays.
      write: (text, r, value) => setAt(text, tableOf(r)?.path ?? ['category', 0, 'coding', 0], codingOf(value)),
    },
    picked('holds', ['status'], words.form.holds, { required: true }),
    from,
    plain('until', ['provision', 'period', 'end'], { input: 'date', notBefore: from }),
  ],
  make: (patient) => ({ ...newConsent(patient, codingOf('retrospective')), dateTime: now() }),
};

/** kinds are all of them, by resource type. */
export const kinds = Object.fromEntries([note, problem, allergy, medication, vaccination, measurement, consent, patient].map((k) => [k.type, k]));

/** newText is the text of a new record, before its fields are filled in. */
export function newText(kind, id, patientID) {
  const { resourceType, ...rest } = kinds[kind].make({ reference: `Patient/${patientID}` });
  return JSON.stringify({ resourceType, id, ...rest });
}

/** readValues are the fields of a resource as the form shows them. */
export function readValues(kind, resource) {
  return Object.fromEntries(kinds[kind].fields.map((f) => [f.name, f.read(resource)]));
}

/** writeValues puts the fields that differ from the text into it, and touches nothing else. */
export function writeValues(kind, text, values) {
  const before = readValues(kind, parse(text));
  return kinds[kind].fields.reduce((t, f) => {
    const wanted = (values[f.name] ?? '').trim();
    return wanted === before[f.name].trim() ? t : f.write(t, parse(t), wanted);
  }, text);
}

function at(resource, path) {
  return path.reduce((v, key) => v?.[key], resource);
}

function nameIndex(person) {
  const names = Array.isArray(person.name) ? person.name : [];
  const official = names.findIndex((n) => n.use === 'official');
  return Math.max(0, official >= 0 ? official : names.findIndex((n) => n.use !== 'old'));
}

// inParts is the text of a person without the name in one piece, which would go on saying the old one.
function inParts(text, r) {
  const path = ['name', nameIndex(r)];
  const rest = namesAt(text, path)?.some((name) => name !== 'text');
  return rest ? removeAt(text, [...path, 'text']) : text;
}

function status(type, value) {
  return { coding: [{ system: clinicalSystem[type], code: value }] };
}

function authored(name, list = false) {
  const id = current();
  if (!id) return {};
  const reference = { reference: `Practitioner/${id}` };
  return { [name]: list ? [reference] : reference };
}

function pick(object, ...names) {
  return Object.fromEntries(names.map((n) => [n, object[n]]));
}

function now() {
  return moment(new Date());
}
