// The table of conflicts, which carelog writes: what is shown of it is chosen here.

import { decidedNote } from './decided.js';
import { later } from './dom.js';
import { filterOf, queryOf } from './filter.js';
import { onLive } from './live.js';
import { rewrite } from './router.js';
import { words } from './words.js';
import { Written } from './written.js';

/** conflicts is the page of all conflicts. */
export function conflicts(main, _, current) {
  const filter = filterOf(location.search);
  let more = '';
  const page = new Written(main, 'conflicts', () => more || `/fragments/conflicts${queryOf(filter)}`, current);
  const choose = () => {
    more = '';
    rewrite(`/conflicts${queryOf(filter)}`);
    main.querySelector('[data-do=clear]').hidden = !queryOf(filter); // the choices are not written anew under a hand
    page.refresh();
  };
  const again = later(() => page.refresh(), 150);
  let known = -1;
  const stop = onLive((message) => {
    if (message.kind === 'status' && message.status.conflicts !== known) {
      known = message.status.conflicts;
      again();
    } else if (message.kind === 'reset') again();
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
        more = target.dataset.more;
        page.refresh();
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
