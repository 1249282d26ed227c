// Addresses. Every page has one that can be opened, bookmarked and gone back to.

import { h, show } from './dom.js';
import { titled } from './light.js';
import { words } from './words.js';

let routes = [];
let page = {}; // the one that is open
let turn = 0;
let typing = ''; // the field of the last step

/**
 * start shows the page of the address and follows links; it is done when the first page stands.
 * A route is [pattern, load], and load gives the view, at once or when it has come. A view is
 * called with (main, parameters, current) and returns {title, leave, ready, focuses, follow}; all may be
 * missing. One that focuses puts the focus somewhere itself; one that follows shows another query of its
 * address by itself, and so keeps what is typed in it.
 */
export function start(list) {
  routes = list;
  window.addEventListener('popstate', async ({ state }) => {
    const opened = open();
    const mine = turn;
    await opened;
    if (mine === turn) window.scrollTo(0, state?.y ?? 0); // who goes back is where they were
  });
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="/"]');
    if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.hasAttribute('download')) return;
    event.preventDefault();
    go(link.getAttribute('href'));
  });
  return open();
}

/** go opens an address. */
export function go(address) {
  if (address !== location.pathname + location.search) {
    history.replaceState({ y: window.scrollY }, '');
    history.pushState(null, '', address);
  }
  open();
  window.scrollTo(0, 0);
}

/** rewrite changes the address without opening it, where there is nothing to go back to. */
export function rewrite(address) {
  history.replaceState(history.state, '', address);
}

/**
 * step says in the address what the page shows now, without opening it, so that it can be gone back from. What is
 * typed into one field, which is named, is one step, however many keys it takes.
 */
export function step(address, field = '') {
  if (address === location.pathname + location.search) return;
  if (field && field === typing) {
    rewrite(address);
    return;
  }
  typing = field;
  history.replaceState({ y: window.scrollY }, '');
  history.pushState(null, '', address);
}

async function open() {
  typing = '';
  if (page.follow && page.path === location.pathname) {
    await page.follow();
    return;
  }
  const mine = ++turn;
  page.leave?.();
  page = {};
  const main = document.getElementById('main');
  const found = routes.map(([pattern, view]) => [view, match(pattern, location.pathname)]).find(([, parameters]) => parameters);
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.getAttribute('href') === '/' ? !/^\/(conflicts|sumehr|sync)/.test(location.pathname) : location.pathname.startsWith(link.getAttribute('href'));
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (!found) {
    titled(words.nothingFound);
    show(main, h('section', { class: 'empty' }, h('h1', {}, words.nothingFound), h('a', { class: 'button', href: '/' }, words.toPatients)));
    return;
  }
  const [load, parameters] = found;
  let view = load();
  if (view instanceof Promise) {
    view = await view.catch(() => null);
    if (mine !== turn) return;
  }
  if (!view) {
    missing(main);
    return;
  }
  page = { path: location.pathname, ...view(main, parameters, () => mine === turn) };
  if (page.title) titled(page.title);
  if (!page.focuses) main.focus({ preventScroll: true });
  await page.ready;
}

// missing says that a page could not be fetched: carelog is not there.
function missing(main) {
  titled(words.errors.heading);
  show(main, h('section', { class: 'empty' }, h('h1', {}, words.errors.heading), h('p', {}, words.errors.unreachable),
    h('button', { type: 'button', class: 'button', onclick: () => location.reload() }, words.retry)));
}

// forms are those of the parts of an address; what has another form is of no record.
const forms = { ':id': /^[A-Za-z0-9.-]{1,64}$/, ':type': /^[A-Z][A-Za-z]{0,63}$/ };

function match(pattern, path) {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return null;
  const parameters = {};
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] in forms && !forms[wanted[i]].test(given[i])) return null;
    if (wanted[i].startsWith(':')) parameters[wanted[i].slice(1)] = decode(given[i]);
    else if (wanted[i] !== given[i]) return null;
  }
  return parameters;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
