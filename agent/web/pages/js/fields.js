// The fields of a form.

import { h } from './dom.js';
import { validSSIN } from './resource.js';
import { endsBefore, looksLikeDay, readDate, typedDate } from './typeddate.js';
import { words } from './words.js';

/**
 * field makes one field: {element, get value, set value, check(values)}. check returns whether the
 * value can be saved beside those of the other fields, and says why where it cannot. A date is typed as people write it and has
 * the value that FHIR gives it; one that nobody touched keeps its seconds.
 */
export function field(definition, resource, id, changed) {
  const isDate = definition.input === 'date';
  let given = ''; // the value as it was set
  const input = make(definition, id, changed);
  const message = h('span', { class: 'field-error', id: `${id}-error`, role: 'alert' });
  const hint = h('span', { class: 'hint', id: `${id}-hint` }, hintOf(definition, resource));
  input.setAttribute('aria-describedby', `${id}-hint ${id}-error`);
  const element = h('div', { class: `field field-${definition.input}` },
    h('label', { class: 'label', for: id }, words.form.fields[definition.name],
      definition.required && h('span', { class: 'required', 'aria-hidden': 'true' }, ' *')),
    input, hint, message);
  const say = (text) => {
    message.textContent = text;
    input.setAttribute('aria-invalid', text ? 'true' : 'false');
  };
  return {
    element,
    input,
    get value() {
      if (!isDate) return input.value;
      return input.value === typedDate(given) ? given : readDate(input.value) ?? input.value;
    },
    set value(text) {
      given = text;
      // A code that the list does not offer stays what it is.
      if (definition.input === 'choice' && text && ![...input.options].some((o) => o.value === text)) input.append(h('option', { value: text }, text));
      input.value = isDate ? typedDate(text) : text;
    },
    check(values) {
      const text = input.value.trim();
      if (definition.required && !text) say(words.form.required);
      else if (definition.fits && text && !definition.fits(text, resource)) say(words.form.decimal);
      else if (isDate && text && text !== typedDate(given) && readDate(text) === null) say(looksLikeDay(text) ? words.form.noDay : words.form.date);
      else if (turned(definition, resource, values)) say(words.form.endsBefore);
      else if (goesOn(definition, resource, values)) say(words.form.goesOn);
      else {
        say('');
        if (definition.input === 'ssin' && text && !validSSIN(text.replace(/\D/g, ''))) message.textContent = words.form.number;
        return true;
      }
      return false;
    },
  };
}

// turned tells whether what is typed ends before it begins. What stands so already may stay: who changes something else is not held up.
function turned({ name, notBefore, read }, resource, values) {
  if (!notBefore) return false;
  const began = values[notBefore.name];
  return endsBefore(values[name], began) && (values[name] !== read(resource) || began !== notBefore.read(resource));
}

// goesOn tells whether an end is given to what by its state has none. Here, too, what stands so already may stay.
function goesOn({ name, onlyWhile, read }, resource, values) {
  if (!onlyWhile || !values[name]) return false;
  const { field: other, is } = onlyWhile;
  return !is.includes(values[other.name]) && (values[name] !== read(resource) || values[other.name] !== other.read(resource));
}

function make(definition, id, changed) {
  const common = { id, name: definition.name, oninput: changed, required: definition.required, autocomplete: 'off' };
  switch (definition.input) {
    case 'long':
      return h('textarea', { ...common, rows: 7 });
    case 'text':
      return h('textarea', { ...common, rows: 2 });
    case 'choice':
      return h('select', common, !definition.required && h('option', { value: '' }, words.form.choose),
        Object.entries(definition.options).map(([value, text]) => h('option', { value }, text)));
    default:
      return h('input', { ...common, type: 'text', inputmode: definition.input === 'ssin' ? 'numeric' : null, placeholder: definition.input === 'date' ? words.form.dateForm : null });
  }
}

function hintOf(definition, resource) {
  const code = definition.coded?.(resource);
  if (code) return words.form.coded(code);
  if (definition.figures?.(resource)) return words.form.figures;
  return { date: words.form.dateHint, decimal: words.form.pressureHint }[definition.input] ?? '';
}

