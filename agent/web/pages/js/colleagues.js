// Who else has the same dossier open, here or elsewhere: a hint, so that two people do not change
// the same thing at once. This page tells its desk what it has open; the desks tell each other.

import { post } from './api.js';
import { h, show } from './dom.js';
import { heardOpen, onLive, open, status } from './live.js';
import { where, who } from './names.js';
import { words } from './words.js';

const again = 5000; // ms
const believed = 15; // seconds; two words may be lost
// A page that is not seen is let speak once a minute by some browsers.
const believedUnseen = 150;

/** colleagues is the hint for a dossier: {element, leave}. */
export function colleagues(patient) {
  const page = crypto.randomUUID();
  const element = h('p', { class: 'note colleagues', role: 'status', hidden: true });
  let left = false;
  let me = null; // as the desk knows who is at this page; null: not yet

  const say = async () => {
    if (left) return;
    try {
      const answer = await post('/api/open', { page, patient, seconds: document.hidden ? believedUnseen : believed });
      me = answer.author;
      heardOpen(answer.open);
    } catch {
      // It is only a hint.
    }
  };
  const goodbye = () => {
    // The page may be gone before an answer comes.
    fetch('/api/open', { method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ page, patient: '' }) }).catch(() => {});
  };
  let turn = 0; // names that come after those of a later drawing are not shown
  const draw = async () => {
    const mine = ++turn;
    const here = status()?.device;
    // The other pages of whoever is at this one are no colleagues; before the desk has said which one it is, nobody knows.
    const others = open().filter((o) => o.patient === patient && here && (o.device !== here || (me !== null && o.author !== me)));
    const said = await Promise.all(others.map(async (o) => {
      const name = o.author ? await who(o.author) : words.dossier.somebody;
      return o.device === here ? words.dossier.colleagueHere(name) : words.dossier.colleague(name, await where(o.device));
    }));
    if (mine !== turn) return;
    element.hidden = said.length === 0;
    show(element, said.map((text) => h('span', {}, text)), said.length > 0 && h('span', {}, words.dossier.colleagueHint));
  };

  const clock = setInterval(say, again);
  const stop = onLive((message) => ['open', 'contact', 'status'].includes(message.kind) && draw());
  document.addEventListener('visibilitychange', say);
  window.addEventListener('pagehide', goodbye);
  window.addEventListener('pageshow', say);
  say();
  draw();
  return {
    element,
    leave: () => {
      left = true;
      clearInterval(clock);
      stop();
      document.removeEventListener('visibilitychange', say);
      window.removeEventListener('pagehide', goodbye);
      window.removeEventListener('pageshow', say);
      goodbye();
    },
  };
}
