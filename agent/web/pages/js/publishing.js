// What is done at the hub, for one patient. A desk without a hub says so in its answer.

import { ask, tell } from './dialog.js';
import { announce, h } from './dom.js';
import { post } from './api.js';
import { language, sentence, words } from './words.js';

/** publishOverButton sends the Sumehr to the hub, in place of the one there of that name, which is not the last of ours. */
export function publishOverButton(patient, then, over) {
  return action(words.sumehr.publishOver, 'button primary', then, () => send(patient, over));
}

/** publish sends it now, instead of at the next attempt, for a button that is there: what became of it is said beside it. */
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

/** setUp says what whoever looks after the PC has to do, in as many words as it takes. */
export function setUp() {
  const w = words.sumehr;
  return tell(w.setUpTitle, [h('p', {}, w.setUpText), h('pre', { class: 'command' }, 'carelog agent --hub http://127.0.0.1:7900/'), h('p', {}, w.setUpOne)]);
}
