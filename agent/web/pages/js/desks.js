// The PCs of the practice and how far each has read, and the last synchronisations of this one.

import { get } from './api.js';
import { h } from './dom.js';
import { bytes, duration, moment, number, words } from './words.js';

/** desks reads both and returns their sections. */
export async function desks() {
  const [now, { devices }, { synchronisations }] = await Promise.all([get('/api/status'), get('/api/devices'), get('/api/synchronisations')]);
  return [devices.length > 0 && practice(devices, now), past(synchronisations)];
}

function practice(devices, now) {
  const w = words.synchronisation;
  return table(w.devices, [w.pc, w.position, w.stated], devices.map((device) => {
    const here = device.id === now.device;
    const sequence = here ? now.position.sequence : device.sequence ?? 0;
    return h('tr', { dataset: { device: device.id } },
      h('th', { scope: 'row' }, device.name || device.id, here && h('span', { class: 'chip' }, w.here), !device.active && h('span', { class: 'chip high' }, w.revoked)),
      h('td', { class: 'figures' }, sequence > 0 ? [number(sequence), h('small', {}, ` ${far(sequence, now)}`)] : w.noPosition),
      h('td', { class: 'figures' }, device.seen ? moment(device.seen) : '—'));
  }));
}

function far(sequence, now) {
  const behind = Math.max(0, now.server.sequence - sequence);
  return behind > 0 ? words.synchronisation.behind(behind) : words.synchronisation.level;
}

function past(episodes) {
  const w = words.synchronisation;
  if (episodes.length === 0) return h('section', { class: 'card section' }, h('h2', {}, w.past), h('p', { class: 'nothing' }, w.pastEmpty));
  return table(w.past, [w.what, w.began, w.took, w.records], episodes.map((e) => h('tr', {},
    h('th', { scope: 'row' }, words.light.activity[e.kind] ?? e.kind),
    h('td', { class: 'figures' }, moment(e.began)),
    h('td', { class: 'figures' }, e.ended ? duration(Math.max(1, (new Date(e.ended) - new Date(e.began)) / 1000)) : w.running),
    h('td', { class: 'figures' }, number(e.done), e.bytes > 0 && h('small', {}, ` ${bytes(e.bytes)}`)))));
}

function table(title, columns, rows) {
  return h('section', { class: 'card flush' },
    h('div', { class: 'section-head' }, h('h2', {}, title)),
    h('div', { class: 'scroll' }, h('table', { class: 'list' },
      h('thead', {}, h('tr', {}, columns.map((text) => h('th', { scope: 'col' }, text)))), h('tbody', {}, rows))));
}
