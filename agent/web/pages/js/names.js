// The names behind ids: people and PCs.

import { get, resources, search } from './api.js';
import { personName } from './resource.js';
import { words } from './words.js';

let people = null;
let pcs = null;

/** practitioners is a Map of id to name of the practice's care providers. */
export function practitioners() {
  people ??= load('Practitioner', personName).catch((cause) => {
    people = null;
    throw cause;
  });
  return people;
}

// devices is a Map of id to name of the practice's PCs.
function devices() {
  pcs ??= load('Device', deviceName).catch((cause) => {
    pcs = null;
    throw cause;
  });
  return pcs;
}

/** who names the Practitioner of that id. */
export async function who(id) {
  if (!id) return words.user.nobody;
  return (await practitioners().catch(() => new Map())).get(id) ?? id;
}

/** where names the PC of that id. */
export async function where(id) {
  if (!id) return words.unknown;
  return (await devices().catch(() => new Map())).get(id) ?? id;
}

/** forget drops what was known of a record that changed. */
export function forget({ type }) {
  if (type === 'Practitioner') people = null;
  if (type === 'Device') pcs = null;
}

async function load(type, name) {
  const names = new Map();
  let bundle = await search(type, { _count: '100' });
  for (let page = 0; page < 20; page++) { // a practice has tens of people, not thousands
    for (const resource of resources(bundle)) names.set(resource.id, name(resource));
    const next = bundle.link?.find((l) => l.relation === 'next')?.url;
    if (!next) break;
    const url = new URL(next, location.href);
    bundle = await get(url.pathname + url.search);
  }
  return names;
}

function deviceName(device) {
  return device.deviceName?.[0]?.name ?? device.id;
}
