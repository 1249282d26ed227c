// Dates as people write them, and as FHIR does.

import { dateOnly } from './words.js';
import { withMonths } from './query.js';

/**
 * typedDate writes a FHIR date or dateTime as somebody would type it: 12/03/1957, 03/1957, 1957,
 * 12/03/1957 14:05, in the order and with the signs of the language. What is none stays as it is.
 */
export function typedDate(value) {
  const m = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?$/.exec(value);
  if (!m) return value;
  const [, year, month, day, time] = m;
  if (!time) return day ? dateOnly(year, month, day) : month ? `${month}/${year}` : year;
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return value;
  return `${dateOnly(at.getFullYear(), at.getMonth() + 1, at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/**
 * readDate reads what was typed as FHIR writes it; null where it is no date, or no day that there
 * is. A year has four digits: of two nobody knows the century.
 */
export function readDate(text) {
  const [, day, hour, minute] = /^(.*?)(?:[ T]+(\d{1,2})[:.h](\d\d))?$/.exec(withMonths(text.trim()));
  const m = /^(\d{4})(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?$/.exec(day);
  const n = /^(?:(\d{1,2})[-/.])?(\d{1,2})[-/.](\d{4})$/.exec(day);
  const date = m ? real(m[1], m[2], m[3]) : n ? real(n[3], n[2], n[1]) : null;
  if (!date || hour === undefined) return date;
  return date.length === 10 && +hour < 24 && +minute < 60 ? withTime(date, +hour, +minute) : null;
}

/** looksLikeDay tells whether somebody wrote a day of a month, be there one or not. */
export function looksLikeDay(text) {
  return /^(\d{4}[-/.](0?[1-9]|1[0-2])[-/.]\d{1,2}|\d{1,2}[-/.](0?[1-9]|1[0-2])[-/.]\d{4})$/.test(withMonths(text.trim()));
}

/**
 * endsBefore tells whether all of one FHIR date or dateTime is before another begins: 2026-03 is not before 2026-03-12, which is in it.
 * Two times are compared as moments, a time and a date as days at this PC; of what is no date nothing is told.
 */
export function endsBefore(end, start) {
  if (isTime(end) && isTime(start)) return Date.parse(end) < Date.parse(start);
  const [last, first] = [end, start].map((date) => (isTime(date) ? moment(new Date(date)).slice(0, 10) : date));
  if (![last, first].every((date) => /^\d{4}(-\d\d){0,2}$/.test(date))) return false;
  const shared = Math.min(last.length, first.length);
  return last.slice(0, shared) < first.slice(0, shared);
}

function isTime(value) {
  return /T/.test(value) && !Number.isNaN(Date.parse(value));
}

// real is a date that there is; a time before 1 or after 9999 is none.
function real(year, month, day) {
  if (month === undefined) return +year > 0 ? year : null;
  if (+month < 1 || +month > 12 || +year < 1) return null;
  if (day === undefined) return `${year}-${two(month)}`;
  const utc = new Date(Date.UTC(2000, +month - 1, +day));
  utc.setUTCFullYear(+year, +month - 1, +day); // of a year before 100 as well
  return utc.getUTCDate() === +day ? `${year}-${two(month)}-${two(day)}` : null;
}

// withTime is a time of a day at this PC.
function withTime(date, hour, minute) {
  const [year, month, day] = date.split('-').map(Number);
  return moment(new Date(year, month - 1, day, hour, minute));
}

/** moment is a time with the offset of this PC, to the second, as FHIR writes it. */
export function moment(time) {
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60000).toISOString().slice(0, 19);
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

function two(n) {
  return String(n).padStart(2, '0');
}
