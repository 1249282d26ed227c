// The last decision of this tab, so that it can be undone as long as nobody built on it.
//
// An event is never taken back. To undo is to choose once more among the same versions: what
// is then chosen is written over the earlier decision, and over nothing else.

import { h, show } from './dom.js';
import { words } from './words.js';

const key = 'carelog.decided';

/** remember keeps a decision: {type, id, event, title}. */
export function remember(decision) {
  try {
    sessionStorage.setItem(key, JSON.stringify(decision));
  } catch {
    forgetDecision(); // without room there is no way back, and the one of an older decision would mislead
  }
}

/** decidedNote says what was just decided, with a way back. */
export function decidedNote() {
  const decision = JSON.parse(sessionStorage.getItem(key) ?? 'null');
  const note = h('p', { class: 'note decided', hidden: !decision });
  return decision ? show(note, words.conflicts.decided(decision.title), ' ',
    h('a', { href: `/conflicts/${decision.type}/${decision.id}?undo=${decision.event}` }, words.conflicts.undo)) : note;
}

/** forgetDecision ends the offer. */
export function forgetDecision() {
  sessionStorage.removeItem(key);
}
