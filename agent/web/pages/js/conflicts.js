// The table of conflicts, which carelog writes: what is shown of it is chosen here.

import { decidedNote } from './decided.js';
import { later } from './dom.js';
import { filterOf, queryOf } from './filter.js';
import { onLive } from './live.js';
import { rewrite, step } from './router.js';
import { words } from './words.js';
import { Written } from './written.js';

/** conflicts is the page of all conflicts. */
export function conflicts(main, _, current) {
  const filter = filterOf(location.search);
  let count = new URLSearchParams(location.search).get('count') ?? ''; // in the address, so that who comes back finds as many rows
  const query = () => {
    const all = new URLSearchParams(queryOf(filter));
    if (count) all.set('count', count);
    return all.size > 0 ? `?${all}` : '';
  };
  const page = new Written(main, 'conflicts', () => `/fragments/conflicts${query()}`, current);
  const choose = () => {
    count = '';
    step(`/conflicts${query()}`);
    main.querySelector('[data-do=clear]').hidden = !queryOf(filter); // the choices are not written anew under a hand
    page.refresh();
  };
  const again = later(() => page.refresh(), 150);
  let known = -1;
  const stop = onLive((message) => {
    if (message.kind === 'change' || message.kind === 'reset') again(); // any record may be of a conflict, or name one
    else if (message.kind === 'status' && message.status.conflicts !== known) {
      known = message.status.conflicts;
      again();
    }
  });
  const came = (root) => {
    root.before(decidedNote());
    root.addEventListener('change', ({ target }) => {
      filter[target.name] = target.value;
      choose();
    });
    root.addEventListener('click', ({ target }) => {
      if (target.dataset.do === 'clear') {
        for (const name of Object.keys(filter)) filter[name] = '';
        choose();
      }
      if (target.dataset.more) {
        const shown = main.querySelectorAll('tbody tr').length;
        count = new URLSearchParams(target.dataset.more.split('?')[1]).get('count');
        rewrite(`/conflicts${query()}`);
        page.refresh().then(() => main.querySelectorAll('tbody tr')[shown]?.querySelector('a.icon-button').focus());
      }
    });
  };
  return {
    title: words.conflicts.title, ready: page.begin(came),
    leave: () => {
      stop();
      again.cancel();
    },
  };
}
