// What somebody types to find a patient: names in any order, a birth date in any form, a number.

let months = null; // made when somebody types: a page would stand later for it

/** queryOf takes what was typed apart, as the parameters of a search for patients. */
export function queryOf(text) {
  const parameters = {};
  const names = [];
  for (const word of withMonths(text).split(/[\s,;|\\]+/).filter((w) => /[\p{L}\p{N}]/u.test(w))) {
    const day = dateOf(word);
    const digits = word.replace(/[.\-\s/]/g, '');
    if (day) parameters.birthdate = day;
    else if (/^\d{4,}$/.test(digits)) parameters.identifier = digits.length === 11 ? digits : word;
    else names.push(word);
  }
  if (names.length > 0) parameters.name = names.join(' ');
  return parameters;
}

/** withMonths writes "12 maart 1957" as 12/3/1957, and "maart 1957" as 1957-03. */
export function withMonths(text) {
  return text.replace(/(?:(\d{1,2})(?:er|e|\.)?\s+)?(\p{L}{3,})\.?\s+(\d{4})(?!\d)/gu, (all, day, name, year) => {
    months ??= monthNames(['nl', 'fr', 'de', 'en']);
    const month = months.get(plain(name));
    if (!month) return all;
    return day ? `${day}/${month}/${year}` : `${year}-${month}`;
  });
}

function dateOf(word) {
  let m = /^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$/.exec(word);
  if (m) return real(m[1], m[2], m[3]);
  m = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d\d)$/.exec(word);
  if (m) return real(m[3], m[2], m[1]);
  m = /^(\d{1,2})[/-](\d{4})$/.exec(word);
  if (m) return real(m[2], m[1]);
  if (/^\d{8}$/.test(word)) return real(word.slice(0, 4), word.slice(4, 6), word.slice(6)) ?? real(word.slice(4), word.slice(2, 4), word.slice(0, 2));
  if (/^\d{6}$/.test(word)) return real(word.slice(0, 2), word.slice(2, 4), word.slice(4)); // as a national number begins
  return /^(1[89]\d\d|20\d\d)$/.test(word) ? word : null;
}

// real is a date as FHIR writes it; null where there is no such day. A year of two digits is
// one that is past.
function real(year, month, day) {
  const now = new Date().getFullYear();
  const century = Math.floor(now / 100) * 100;
  const full = year.length === 2 ? (century + +year > now ? century - 100 : century) + +year : +year;
  if (full < 1850 || full > now + 1 || +month < 1 || +month > 12) return null;
  if (day !== undefined && new Date(Date.UTC(full, +month - 1, +day)).getUTCDate() !== +day) return null;
  return [String(full), month.padStart(2, '0'), day?.padStart(2, '0')].filter(Boolean).join('-');
}

function monthNames(locales) {
  const names = new Map();
  for (const locale of locales) {
    for (const month of ['long', 'short']) {
      const format = new Intl.DateTimeFormat(locale, { month, day: 'numeric', timeZone: 'UTC' });
      for (let m = 0; m < 12; m++) {
        const name = format.formatToParts(Date.UTC(2001, m, 2)).find((part) => part.type === 'month').value;
        names.set(plain(name), String(m + 1).padStart(2, '0'));
      }
    }
  }
  return names;
}

function plain(name) {
  return name.normalize('NFD').replace(/\p{M}|\./gu, '').toLowerCase();
}
