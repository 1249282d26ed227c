// Changing a JSON text in place. JSON.parse turns 1.00 into 1 and 9007199254740993 into
// …992, so a resource is never parsed and written out again: only the value that was
// changed is replaced in the text, and every other byte stays as it was.

/**
 * setAt returns the text with the value at the path, a list of names and indexes. What is
 * missing on the way is made. The value is any JSON value.
 */
export function setAt(text, path, value) {
  const root = skip(text, 0);
  return set(text, root, path, JSON.stringify(value));
}

/** setTextAt returns the text with another JSON text at the path, digit for digit. */
export function setTextAt(text, path, json) {
  return set(text, skip(text, 0), path, json);
}

/**
 * removeAt returns the text without what stands at the path, and without the objects and
 * lists that this leaves empty: FHIR allows none. A path that leads nowhere changes nothing.
 */
export function removeAt(text, path) {
  for (let keep = path.length; keep > 0; keep--) {
    const here = path.slice(0, keep);
    const items = spans(text, here.slice(0, -1));
    const at = items?.findIndex((item) => item.key === here[here.length - 1]) ?? -1;
    if (at < 0) return text;
    if (items.length > 1 || keep === 1) return cut(text, items, at);
    // It is alone: what holds it goes as well.
  }
  return text;
}

/** namesAt lists the names of the object, or the indexes of the list, at a path; null where there is neither. */
export function namesAt(text, path) {
  return spans(text, path)?.map((item) => item.key) ?? null;
}

function set(text, at, path, json) {
  if (path.length === 0) return text.slice(0, at) + json + text.slice(end(text, at));
  const [key, ...rest] = path;
  const open = text[at];
  if (open !== (typeof key === 'number' ? '[' : '{')) {
    // Something else stands here, or nothing that could hold the rest: it is replaced.
    return text.slice(0, at) + build(path, json) + text.slice(end(text, at));
  }
  const items = members(text, at);
  const found = items.find((item) => item.key === key);
  if (found) return set(text, found.value, rest, json);
  const entry = typeof key === 'number' ? build(rest, json) : `${JSON.stringify(key)}:${build(rest, json)}`;
  const last = items[items.length - 1];
  const place = last ? last.stop : at + 1;
  return text.slice(0, place) + (last ? ',' : '') + entry + text.slice(place);
}

function build(path, json) {
  return path.reduceRight((inner, key) => (typeof key === 'number' ? `[${inner}]` : `{${JSON.stringify(key)}:${inner}}`), json);
}

function cut(text, items, at) {
  // With its comma: the one after it or, for the last one, the one before.
  const from = at > 0 ? items[at - 1].stop : items[0].start;
  const to = at > 0 || items.length === 1 ? items[at].stop : items[1].start;
  return text.slice(0, from) + text.slice(to);
}

// spans are the members of what stands at a path; null where that holds none.
function spans(text, path) {
  let at = skip(text, 0);
  for (const key of path) {
    const found = members(text, at)?.find((item) => item.key === key);
    if (!found) return null;
    at = found.value;
  }
  return members(text, at);
}

// members are {key, start, value, stop} of the object or list that begins at a place: where the
// name or item begins, where its value does, and where that ends.
function members(text, at) {
  const list = text[at] === '[';
  if (!list && text[at] !== '{') return null;
  const items = [];
  let here = skip(text, at + 1);
  while (text[here] !== (list ? ']' : '}')) {
    const start = here;
    let key = items.length;
    if (!list) {
      const stop = end(text, here);
      key = JSON.parse(text.slice(here, stop));
      here = skip(text, stop);
      if (text[here] !== ':') throw new SyntaxError(`want a colon at ${here}`);
      here = skip(text, here + 1);
    }
    const stop = end(text, here);
    items.push({ key, start, value: here, stop });
    here = skip(text, stop);
    if (text[here] === ',') here = skip(text, here + 1);
    else if (text[here] !== (list ? ']' : '}')) throw new SyntaxError(`want a comma or an end at ${here}`);
  }
  return items;
}

// end is the place after the value that begins at a place.
function end(text, at) {
  if (text[at] === '"') {
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === '"') return i + 1;
    }
    throw new SyntaxError(`the text that begins at ${at} has no end`);
  }
  if (text[at] === '{' || text[at] === '[') {
    let depth = 0;
    for (let i = at; i < text.length; i++) {
      if (text[i] === '"') i = end(text, i) - 1;
      else if (text[i] === '{' || text[i] === '[') depth++;
      else if ((text[i] === '}' || text[i] === ']') && --depth === 0) return i + 1;
    }
    throw new SyntaxError(`what begins at ${at} has no end`);
  }
  const match = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(text.slice(at, at + 400));
  if (!match) throw new SyntaxError(`no value at ${at}`);
  return at + match[0].length;
}

function skip(text, at) {
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}
