// Every word of the interface, in the language in use. A language is one file of data under
// words/, and all have the same words: a test compares them.

/** language is the code of the one in use: carelog chose it, by the choice that was made at this browser. */
export const language = document.documentElement.lang;

const data = (await import(`../words/${language}.js`)).default;
const locale = data.locale;
// Each is made when it is first needed: a page stands without.
const plurals = once(() => new Intl.PluralRules(locale));
const whole = once(() => new Intl.NumberFormat(locale));
const collator = once(() => new Intl.Collator(locale));

/** inOrder compares two names as the language orders them. */
export function inOrder(a, b) {
  return collator().compare(a, b);
}

function once(make) {
  let made = null;
  return () => (made ??= make());
}

/** words are all of them. What has a place for something is a function of what stands there. */
export const words = compiled(data);

// compiled makes functions of the sentences with places. A number is written as the language
// does; one that chooses between forms is the first one.
function compiled(value) {
  if (typeof value === 'string') return value.includes('{') ? (...args) => filled(value, args) : value;
  if (typeof value.other === 'string' && 'one' in value) return (...args) => filled(value[plurals().select(args[0])] ?? value.other, args);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, compiled(inner)]));
}

function filled(sentence, args) {
  return sentence.replace(/\{(\d)\}/g, (_, i) => (typeof args[i] === 'number' ? number(args[i]) : args[i] ?? ''));
}

/** kind names a resource type in words; a type without a word is taken apart at its capitals. */
export function kind(type) {
  return words.kinds[type] ?? type.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
}

/** within writes a name as it stands within a sentence: German keeps its capitals. */
export function within(name) {
  return language === 'de' ? name : name.charAt(0).toLocaleLowerCase(locale) + name.slice(1);
}

/** sentence writes what is said as it stands at the beginning of one. */
export function sentence(text) {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

/** reason says the light's reason, which comes in English, in the language in use, and the cause by its code. */
export function reason(text, cause) {
  const [head] = text.split(': ');
  const said = words.light.reasons[head.replace(/\d+/, '#')];
  const meant = typeof said === 'function' ? said(Number(/\d+/.exec(head)?.[0])) : said;
  if (!meant) return text;
  return cause && cause.code !== 'other' ? `${meant}. ${problem(cause)}` : head === text ? meant : words.named(meant, text.slice(head.length + 2));
}

/** problem says what stands in the way: {code, args}. */
export function problem({ code, args = [] }) {
  const said = words.problems[code] ?? words.problems.other;
  return typeof said === 'function' ? said(...args.map((arg) => recordName(arg))) : said;
}

// recordName says the type of a record in words, where what is named is one.
function recordName(name) {
  const [type, id] = name.split('/');
  return id ? `${kind(type)} ${id}` : name;
}

/**
 * label names a field by its path within the resource, without the places in lists: by all of
 * it, else by its last name, which is taken apart where there is no word for it.
 */
export function label(path, type = '') {
  const name = /\w*$/.exec(path)[0];
  const spaced = name.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  return words.paths[`${type}.${path}`] ?? words.paths[path] ?? words.paths[name] ?? spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** number writes a number. */
export function number(n) {
  return whole().format(n);
}

/** bytes writes how much that is, in the unit that fits. */
export function bytes(n) {
  const [divisor, unit] = n < 1e6 ? [1e3, 'kilobyte'] : n < 1e9 ? [1e6, 'megabyte'] : [1e9, 'gigabyte'];
  return inUnit(n / divisor, unit, 'short', divisor < 1e9 ? 0 : 1);
}

/** duration writes a number of seconds, as exactly as somebody who waits wants it. */
export function duration(seconds) {
  if (seconds < 90) return inUnit(seconds, 'second', 'long');
  if (seconds < 5400) return inUnit(seconds / 60, 'minute', 'long');
  return inUnit(seconds / 3600, 'hour', 'long', 1);
}

function inUnit(n, unit, unitDisplay, maximumFractionDigits = 0) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay, maximumFractionDigits }).format(n);
}

/** date writes a FHIR date or dateTime, as exactly as it was given and no more so. */
export function date(value) {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?$/.exec(value ?? '');
  if (!match) return value ?? '';
  const [, year, month, day, time] = match;
  if (!month) return year;
  if (time) return moment(value);
  const utc = new Date(Date.UTC(+year, +month - 1, +(day ?? 1)));
  const options = { timeZone: 'UTC', year: 'numeric', month: 'short', ...(day && { day: 'numeric' }) };
  return new Intl.DateTimeFormat(locale, options).format(utc);
}

/** dateOnly writes a day in figures, such as 12/03/1957. */
export function dateOnly(year, month, day) {
  const utc = new Date(0);
  utc.setUTCFullYear(+year, +month - 1, +day);
  return new Intl.DateTimeFormat(locale, { timeZone: 'UTC', year: 'numeric', month: '2-digit', day: '2-digit' }).format(utc);
}

/** moment writes a time of day, with its date unless that is today; always with it where it must stand alone. */
export function moment(value, always = false) {
  const time = new Date(value);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 2) return words.light.never;
  const today = time.toDateString() === new Date().toDateString();
  const options = { hour: '2-digit', minute: '2-digit', ...((always || !today) && { day: 'numeric', month: 'short', year: 'numeric' }) };
  return new Intl.DateTimeFormat(locale, options).format(time);
}
