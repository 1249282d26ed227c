// What the forms and the search take from a FHIR resource; what one says in words is carelog's to say.

import { words } from './words.js';

/** SSIN is the system of the Belgian national number. */
export const SSIN = 'https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin';

/** concept is the text of a CodeableConcept: its own words, else those of a code. */
export function concept(value) {
  if (!value || typeof value !== 'object') return '';
  const coding = value.coding?.find((c) => c.display) ?? value.coding?.[0];
  return value.text || coding?.display || coding?.code || '';
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
