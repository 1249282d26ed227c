// The last decision of this tab, so that it can be undone as long as nobody built on it.
//
// An event is never taken back. To undo is to choose once more among the same versions: what
// is then chosen is written over the earlier decision, and over nothing else.

import { h, show } from './dom.js';
import { words } from './words.js';

const key = 'carelog.decided';

/** remember keeps a decision: {type, id, event, title, answer, kept}, the answer as the text it was, kept the place of the version that stays or -1. */
export function remember(decision) {
  try {
    sessionStorage.setItem(key, JSON.stringify(decision));
  } catch {
    forgetDecision(); // without room there is no way back, and the one of an older decision would mislead
  }
}

/** recall is the decision that made an event; null where it is not the last one of this tab. */
export function recall(event) {
  const decision = JSON.parse(sessionStorage.getItem(key) ?? 'null');
  return decision?.event === event ? decision : null;
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
