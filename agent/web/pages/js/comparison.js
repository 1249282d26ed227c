// The differences between the versions of a record, as rows of a table.

import { label } from './words.js';

/**
 * rowsOf lays the comparisons of each head with the first one beside each other: a row per
 * field that differs anywhere, with its value in every head. A row is {path, label, member,
 * name, order, ancestor, values}; a value that a head lacks is undefined.
 */
export function rowsOf({ type, heads, ancestor, differences }) {
  const lists = ofInterest(heads, differences);
  const rows = new Map();
  for (const { at, fields } of lists) {
    for (const f of fields) {
      if (!rows.has(f.path)) rows.set(f.path, newRow(type, f, heads));
      rows.get(f.path).values[at] = f.b;
    }
  }
  return wholeMembers([...rows.values()], lists, { type, heads, ancestor });
}

// ofInterest are the comparisons whose fields make rows. A deletion lacks every field, so beside
// it only what the first head changed is of interest, and only where no living head differs.
function ofInterest(heads, differences) {
  const lists = differences.map(({ b, fields }) => {
    const at = heads.findIndex((head) => head.event === b);
    return { at, deleted: heads[at].deleted, fields };
  });
  const living = lists.filter((list) => !list.deleted);
  if (living.length > 0) return living;
  return lists.slice(0, 1).map((list) => ({
    ...list, fields: list.fields.filter((f) => same(f.a, f.ancestor) === false && !/^\w+\.(id|resourceType)$/.test(f.path)),
  }));
}

function newRow(type, f, heads) {
  const inner = f.path.slice(f.path.indexOf('.') + 1);
  const plain = inner.replace(/\[[^\]]*\]/g, '');
  return {
    path: f.path, member: /^\w*/.exec(inner)[0], name: /\w*$/.exec(plain)[0], order: f.order_only, ancestor: f.ancestor,
    label: label(plain, type),
    // What a comparison does not list is the same in both of its heads.
    values: heads.map((head) => (head.content ? f.a : undefined)),
  };
}

/** byMember has one row for each member, since that is what is chosen: its own row, or the whole of it. */
export function byMember(rows, { type, heads, ancestor }) {
  return [...new Set(rows.map((row) => row.member))].map((member) => {
    const own = rows.filter((row) => row.member === member);
    return own.length === 1 ? own[0] : wholeMember(member, { type, heads, ancestor });
  });
}

function wholeMember(member, { type, heads, ancestor }) {
  return {
    path: `${type}.${member}`, member, name: member, order: false, ancestor: ancestor?.content?.[member],
    label: label(member, type), values: heads.map((head) => head.content?.[member]),
  };
}

// wholeMembers replaces rows that overlap. With three heads one comparison may speak of a list
// and another of an item in it; then neither knows what the third head has in that place,
// and the whole member is shown as it stands in each head.
function wholeMembers(rows, lists, { type, heads, ancestor }) {
  if (lists.length < 2) return rows;
  const whole = new Set(rows.filter((row) => rows.some((other) => within(other.path, row.path))).map((row) => row.member));
  const done = new Set();
  return rows.flatMap((row) => {
    if (!whole.has(row.member)) return [row];
    if (done.has(row.member)) return [];
    done.add(row.member);
    return [wholeMember(row.member, { type, heads, ancestor })];
  });
}

function within(inner, outer) {
  return inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}

/** same compares two values by their JSON. */
export function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
