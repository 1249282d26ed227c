// Measurements of one kind together: a line where it tells more than a table does.

import { h, s } from './dom.js';
import { inParts } from './registrations.js';
import { describe, measure } from './resource.js';
import { date, number, words } from './words.js';

const width = 300;
const height = 72;
const edge = 6;
const firstOnes = 3;

/** measurements are the groups of Observations, each with its plot and its values, by row. */
export function measurements(entries, row, opened) {
  const groups = new Map();
  for (const entry of entries) {
    const name = measure(entry.content?.code) || words.dossier.unread;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(entry);
  }
  return [...groups].map(([name, list]) => h('section', { class: 'measured', 'aria-label': name }, plot(name, list), rows(name, list, row, opened)));
}

function rows(name, list, row, opened) {
  const rest = list.slice(firstOnes);
  return [h('ul', { class: 'registrations' }, list.slice(0, firstOnes).map(row)),
    rest.length > 0 && h('details', { class: 'past' }, h('summary', {}, words.synchronisation.more(rest.length)), inParts(rest, row, { opened, name: `measured ${name}` }))];
}

// plot draws the values of one unit over time; fewer than three are read faster as they stand.
function plot(name, list) {
  const unit = list[0].content?.valueQuantity?.unit;
  const points = list.filter((e) => e.content?.valueQuantity?.unit === unit).map((e) => ({
    at: Date.parse(describe(e.content).when ?? ''), value: Number(e.content.valueQuantity?.value), text: String(e.content.valueQuantity?.value), when: describe(e.content).when,
  })).filter((p) => Number.isFinite(p.at) && Number.isFinite(p.value)).sort((a, b) => a.at - b.at);
  if (points.length < 3) return null;
  const across = scale(points.map((p) => p.at), edge, width - edge);
  const up = scale(points.map((p) => p.value), height - edge, edge);
  const last = points[points.length - 1];
  const title = words.dossier.plot(name, number(points.length), date(points[0].when), date(last.when), `${last.text} ${unit ?? ''}`.trim());
  return h('figure', { class: 'plot' },
    s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title },
      s('polyline', { points: points.map((p) => `${across(p.at)},${up(p.value)}`).join(' ') }),
      points.map((p) => s('circle', { cx: across(p.at), cy: up(p.value), r: 2.6 }, s('title', {}, words.named(date(p.when), p.text))))),
    h('figcaption', {}, h('span', {}, name), h('strong', {}, `${last.text} ${unit ?? ''}`), h('span', {}, `${extreme(points, Math.min)} – ${extreme(points, Math.max)}`)));
}

function extreme(points, which) {
  const value = which(...points.map((p) => p.value));
  return points.find((p) => p.value === value).text;
}

function scale(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (v) => Math.round((high === low ? (from + to) / 2 : from + ((v - low) / (high - low)) * (to - from)) * 10) / 10;
}
