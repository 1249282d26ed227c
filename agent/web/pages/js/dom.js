// Building the page: elements without strings of HTML, so nothing that is shown can be code.

/**
 * h makes an element. Props whose name begins with "on" listen, "class" and "dataset" do
 * what they say, true and false set or leave out an attribute, all others are attributes.
 * Children are nodes, text, or lists of them; null, undefined and false leave nothing.
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** s makes an SVG element, as h does. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

/** show replaces all children of an element. */
export function show(parent, ...children) {
  parent.replaceChildren(...flat(children));
  return parent;
}

/**
 * redraw is show for what may be drawn anew under somebody's hands: what is unfolded stays so, and
 * the focus stays where it is, each in the row (data-record) in which it was.
 */
export function redraw(parent, ...children) {
  const open = [...parent.querySelectorAll('details[open]')].map((element) => placeOf(parent, element));
  const focused = parent.contains(document.activeElement) ? placeOf(parent, document.activeElement) : null;
  show(parent, ...children);
  open.forEach((place) => at(parent, place)?.setAttribute('open', ''));
  if (focused) at(parent, focused)?.focus({ preventScroll: true });
}

function placeOf(parent, element) {
  const place = { row: rowOf(element), tag: element.localName };
  return { ...place, index: among(parent, place).indexOf(element) };
}

function at(parent, place) {
  return among(parent, place)[place.index];
}

function among(parent, { row, tag }) {
  return [...parent.querySelectorAll(tag)].filter((element) => rowOf(element) === row);
}

function rowOf(element) {
  return element.closest('[data-record]')?.dataset.record ?? '';
}

/** later calls f once, when no call has come for that many milliseconds. */
export function later(f, milliseconds) {
  let timer = 0;
  const call = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), milliseconds);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}

/** promptly calls f at once where that many milliseconds had no call, and once more when no more calls come. */
export function promptly(f, milliseconds) {
  let timer = 0;
  let more = false;
  const call = () => {
    if (timer) more = true;
    else f();
    clearTimeout(timer);
    timer = setTimeout(() => {
      const wanted = more;
      call.cancel();
      if (wanted) f();
    }, milliseconds);
  };
  call.cancel = () => {
    clearTimeout(timer);
    timer = 0;
    more = false;
  };
  return call;
}

/**
 * seldom calls f at once, and once more for all calls that came meanwhile: one at a time, and
 * begun that many milliseconds apart. hurry ends the pause, cancel ends it all.
 */
export function seldom(f, milliseconds) {
  let wanted = false;
  let running = false;
  let pause = 0;
  const next = async () => {
    if (!wanted || running || pause) return;
    wanted = false;
    running = true;
    pause = setTimeout(rested, milliseconds);
    try {
      await f();
    } finally {
      running = false;
      next();
    }
  };
  const rested = () => {
    pause = 0;
    next();
  };
  const call = () => {
    wanted = true;
    next();
  };
  call.hurry = () => {
    clearTimeout(pause);
    pause = Math.min(pause, 0);
  };
  call.cancel = () => {
    clearTimeout(pause);
    pause = -1; // for ever
  };
  return call;
}

/** announce lets a screen reader say something. */
export function announce(text) {
  const region = document.getElementById('spoken');
  if (region.textContent === text) region.textContent = '';
  region.textContent = text;
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== '');
}
