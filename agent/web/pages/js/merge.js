// One content out of several versions, member by member. A value is moved as the text that it
// is, so that no digit changes on the way.

import { parse } from './api.js';
import { namesAt, removeAt, setTextAt, textAt } from './splice.js';

/** both is the choice of all items of a list together; every other choice is the place of a version. */
export const both = 'both';

/**
 * merged returns the text of the first version that stands, with each member of choices as it
 * is in the version that was chosen for it.
 */
export function merged(versions, ancestor, choices) {
  const base = versions.find((text) => text !== undefined);
  return [...choices].reduce((text, [member, choice]) => {
    const value = choice === both ? union(versions, ancestor, member) : textAt(versions[choice], [member]);
    return value === undefined ? removeAt(text, [member]) : setTextAt(text, [member], value);
  }, base);
}

/**
 * union is a list of the items of all versions, each once by its content, but for those of the
 * shared ancestor that a version took out. It is undefined where a version has no list there,
 * and where it would be the same as one of them.
 */
export function union(versions, ancestor, member) {
  const living = versions.filter((text) => text !== undefined);
  const lists = living.map((text) => itemsOf(text, member));
  if (lists.includes(null) || lists.filter((list) => list.size > 0).length < 2) return undefined;
  const before = (ancestor && itemsOf(ancestor, member)) ?? new Map();
  const items = new Map();
  for (const list of lists) {
    for (const [content, text] of list) {
      const removed = before.has(content) && lists.some((other) => !other.has(content));
      if (!removed && !items.has(content)) items.set(content, text);
    }
  }
  const same = (list) => [...list.keys()].join() === [...items.keys()].join();
  return items.size === 0 || lists.some(same) ? undefined : `[${[...items.values()].join(',')}]`;
}

/**
 * proposal is what nobody would choose otherwise: what one version alone changed, or a union of
 * what several added. Where all of them replaced the same item, such as a dose, it is undefined:
 * two doses side by side are no answer, and a person must choose.
 */
export function proposal(versions, ancestor, member) {
  const living = versions.flatMap((text, i) => (text === undefined ? [] : [i]));
  const value = (text) => content(text === undefined ? undefined : textAt(text, [member]));
  const changed = living.filter((i) => value(versions[i]) !== value(ancestor));
  const different = new Set(changed.map((i) => value(versions[i])));
  if (ancestor !== undefined && different.size === 1) return changed[0];
  const lists = living.map((i) => itemsOf(versions[i], member));
  const replaced = [...((ancestor && itemsOf(ancestor, member)) ?? new Map()).keys()].some((item) => !lists.some((list) => list?.has(item)));
  return replaced || union(versions, ancestor, member) === undefined ? undefined : both;
}

// itemsOf are the items of a list by their content, empty where there is no such member; null
// where it is no list of things. One that stands twice in a list is one.
function itemsOf(text, member) {
  const list = textAt(text, [member]);
  if (list === undefined) return new Map();
  if (list[0] !== '[') return null;
  return new Map(namesAt(list, []).map((i) => textAt(list, [i])).map((item) => [content(item), item]));
}

// content is the same for values that are equal, whatever the order of their names.
function content(text) {
  return text === undefined ? '' : JSON.stringify(sorted(parse(text)));
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}
