// What is done at the hub, for one patient. A desk without a hub says so in its answer.

import { ask } from './dialog.js';
import { announce, h } from './dom.js';
import { get, post } from './api.js';
import { language, sentence, words } from './words.js';

/** standingOf is how the Sumehr of a patient stands; null where this desk keeps no account of it. */
export async function standingOf(patient) {
  try {
    return await get(`/api/sumehr/${encodeURIComponent(patient)}/standing?language=${language}`);
  } catch (cause) {
    if (cause.status === 404) return null;
    throw cause;
  }
}

/**
 * publishButton sends the Sumehr to the hub now, instead of at the next attempt. over is the
 * name of one there that is not the last of ours, which it shall take the place of.
 */
export function publishButton(patient, then, { over = '', text: label = over ? words.sumehr.publishOver : words.sumehr.publish } = {}) {
  const w = words.sumehr;
  return action(label, over ? 'button primary' : 'button small', then, async () => {
    const { reason, text } = await post(`/api/sumehr/${encodeURIComponent(patient)}/publish?language=${language}`, over ? { over } : {});
    return reason === 'newest' ? w.published : sentence(text);
  });
}

/** revokeButton takes the Sumehr from the hub, after a question. */
export function revokeButton(patient, then) {
  const w = words.sumehr;
  return action(w.revoke, 'button small danger', then, async () => {
    const sure = await ask({ title: w.revokeTitle, text: w.revokeText, action: w.revoke, danger: true });
    if (!sure) return '';
    await post(`/api/sumehr/${encodeURIComponent(patient)}/revoke?language=${language}`, {});
    return w.revoked;
  });
}

// action is a button with what became of it beside it; act returns what that is.
function action(text, kind, then, act) {
  const done = h('span', { class: 'hint' });
  const failed = h('span', { class: 'error', role: 'alert' });
  const button = h('button', {
    type: 'button', class: kind, onclick: async () => {
      button.disabled = true;
      done.textContent = failed.textContent = '';
      try {
        done.textContent = await act();
        announce(done.textContent);
        then?.();
      } catch (cause) {
        failed.textContent = cause.status === 404 || cause.code === 'no-hub' ? words.sumehr.noHub : cause.message;
      }
      button.disabled = false;
    },
  }, text);
  return [button, done, failed];
}
