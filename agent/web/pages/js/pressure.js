// A blood pressure, which is typed as one value and stands in a record as two.

import { removeAt, setAt, setTextAt } from './splice.js';

const loinc = 'http://loinc.org';
const panel = { system: loinc, code: '85354-9', display: 'Blood pressure' };
const parts = [{ system: loinc, code: '8480-6', display: 'Systolic blood pressure' }, { system: loinc, code: '8462-4', display: 'Diastolic blood pressure' }];

// As JSON and FHIR write a decimal, but for the comma that a hand may type, perhaps as a bound.
const decimal = /^([<>]=?\s*)?-?(0|[1-9]\d*)([.,]\d+)?$/;
const both = /^([1-9]\d{1,2}(?:[.,]\d+)?)\s*\/\s*([1-9]\d{1,2}(?:[.,]\d+)?)$/;
const lowest = 40; // mmHg of the upper value: 10/10 is how well somebody sees

/** placesOf are the upper and the lower value among the parts of an Observation; null where it is no blood pressure. */
function placesOf(r) {
  const places = parts.map(({ code }) => (r.component ?? []).findIndex((c) => c.code?.coding?.some((one) => one.system === loinc && one.code === code)));
  return r.component?.length === 2 && !places.includes(-1) ? places : null;
}

/** typedPressure is 138/84 of an Observation that is a blood pressure; null of every other. */
export function typedPressure(r) {
  return placesOf(r)?.map((place) => r.component[place].valueQuantity?.value ?? '').join('/') ?? null;
}

/** unitOfPressure is that of both values. */
export function unitOfPressure(r) {
  return r.component?.[placesOf(r)?.[0]]?.valueQuantity?.unit ?? '';
}

/** fits tells whether what was typed can be the value of a record: a number, or a blood pressure where it is one, or is new. */
export function fits(typed, r) {
  const [upper, lower] = valuesOf(typed)?.map(Number) ?? [];
  const pressure = upper >= lowest && lower < upper;
  if (placesOf(r)) return pressure || typed === typedPressure(r);
  return decimal.test(typed) || (pressure && !r.code && !r.valueQuantity);
}

function valuesOf(typed) {
  return both.exec(typed)?.slice(1).map((value) => value.replace(',', '.'));
}

/** writePressure puts a blood pressure into the text of an Observation; null where none was typed. */
export function writePressure(text, r, typed) {
  const values = valuesOf(typed);
  if (!values) return null;
  const places = placesOf(r) ?? [0, 1];
  const t = placesOf(r) ? unread(text, [], ...places.map((place) => ['component', place])) : begun(text, r);
  return places.reduce((t, place, i) => setTextAt(t, ['component', place, 'valueQuantity', 'value'], values[i]), t);
}

/** unread takes away what was said of values, at places: that another value were high or low as well would be a lie. */
export function unread(text, ...places) {
  return places.reduce((t, place) => removeAt(t, [...place, 'interpretation']), text);
}

// begun is a new one, under the name that was typed and with the code by which every program knows it.
function begun(text, r) {
  const unit = { unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' };
  return setAt(setAt(text, ['code'], { coding: [panel], text: r.code?.text }), ['component'], parts.map((part) => ({ code: { coding: [part] }, valueQuantity: { value: 0, ...unit } })));
}

/** writeUnitOfPressure gives both values another unit; null where it is no blood pressure. The code of the old one would be a lie. */
export function writeUnitOfPressure(text, r, unit) {
  return placesOf(r)?.reduce((t, place) => {
    const quantity = ['component', place, 'valueQuantity'];
    const bare = ['code', 'system'].reduce((rest, name) => removeAt(rest, [...quantity, name]), unread(t, [], ['component', place]));
    return unit ? setAt(bare, [...quantity, 'unit'], unit) : removeAt(bare, [...quantity, 'unit']);
  }, text) ?? null;
}
