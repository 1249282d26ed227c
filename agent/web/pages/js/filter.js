// Which conflicts are shown. The choice stands in the address, so that it can be gone back to
// and goes along from one conflict to the next.

const names = ['patient', 'kind', 'user'];

/** filterOf reads the choice from the query of an address. */
export function filterOf(query) {
  const given = new URLSearchParams(query);
  return Object.fromEntries(names.map((name) => [name, given.get(name) ?? '']));
}

/** queryOf writes a choice as the query of an address; empty where all are shown. */
export function queryOf(filter) {
  const query = new URLSearchParams(names.filter((name) => filter[name]).map((name) => [name, filter[name]]));
  return query.size > 0 ? `?${query}` : '';
}

