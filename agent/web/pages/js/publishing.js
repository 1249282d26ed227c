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
  return action(label, over ? 'button primary' : 'button small', then, () => send(patient, over));
}

/** publish is what publishButton does, for a button that is there: what became of it is said beside it. */
export function publish(button, patient, then) {
  const said = button.parentElement.querySelectorAll('.hint, .error');
  said.forEach((old) => old.remove());
  const [done, failed] = results();
  button.after(done, failed);
  return run(button, done, failed, then, () => send(patient, ''));
}

async function send(patient, over) {
  const { reason, text } = await post(`/api/sumehr/${encodeURIComponent(patient)}/publish?language=${language}`, over ? { over } : {});
  return reason === 'newest' ? words.sumehr.published : sentence(text);
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
  const [done, failed] = results();
  const button = h('button', { type: 'button', class: kind, onclick: () => run(button, done, failed, then, act) }, text);
  return [button, done, failed];
}

function results() {
  return [h('span', { class: 'hint' }), h('span', { class: 'error', role: 'alert' })];
}

async function run(button, done, failed, then, act) {
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
}
