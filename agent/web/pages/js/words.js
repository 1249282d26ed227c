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

/** number writes a number. */
export function number(n) {
  return whole().format(n);
}

/** date writes a FHIR date or dateTime, as exactly as it was given and no more so, as carelog itself writes it. */
export function date(value) {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?$/.exec(value ?? '');
  if (!match) return value ?? '';
  const [, year, month, day, time] = match;
  const name = words.dates.months.split(' ')[month - 1];
  if (!month || !name) return value;
  if (time) return moment(value);
  return day ? words.dates.day(String(+day), name, year) : `${name} ${year}`;
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
  const two = (n) => String(n).padStart(2, '0');
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (!always && time.toDateString() === new Date().toDateString()) return clock;
  return words.dates.moment(date(`${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`), clock);
}
