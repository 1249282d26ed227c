// What another doctor put on the hub, taken into the dossier: first what that would bring, then a question.

import { get, post } from './api.js';
import { ask, tell } from './dialog.js';
import { announce, h } from './dom.js';
import { words } from './words.js';

/** takeInButton takes the Sumehr that the hub calls uri into the dossier. */
export function takeInButton(patient, uri) {
  const w = words.sumehr.takeIn;
  const path = `/api/sumehr/${encodeURIComponent(patient)}/take-in`;
  const done = h('span', { class: 'hint' });
  const failed = h('span', { class: 'error', role: 'alert' });
  const button = h('button', {
    type: 'button', class: 'button', onclick: async () => {
      button.disabled = true;
      done.textContent = failed.textContent = '';
      try {
        const plan = await get(path);
        if (plan.uri !== uri) throw new Error(w.moved);
        if (plan.new.length + plan.changed.length === 0) await tell(plan.refused.length > 0 ? w.cannot(plan.refused.length) : w.nothing, said(plan));
        else if (await ask({ title: w.title, text: said(plan), action: w.action })) {
          const { refused } = await post(path, { uri });
          if (refused.length > 0) failed.textContent = `${w.refused(refused.length)} ${refused.map((r) => r.error).join('; ')}`;
          else announce(done.textContent = w.done);
        }
      } catch (cause) {
        failed.textContent = { own: w.own, moved: w.moved, 'other-patient': w.otherPatient }[cause.code] ?? cause.message;
      }
      button.disabled = false;
    },
  }, w.action);
  return [button, done, failed];
}

// said is what a Sumehr brings to the dossier, and what it does not.
function said(plan) {
  const w = words.sumehr.takeIn;
  return [
    h('ul', {}, [
      plan.new.length > 0 && w.new(plan.new.length),
      plan.changed.length > 0 && w.changed(plan.changed.length),
      plan.here > 0 && w.here(plan.here),
      plan.kept.length > 0 && w.kept(plan.kept.length),
    ].filter(Boolean).map((line) => h('li', {}, line))),
    folded(w.cannot, plan.refused.map((r) => r.error)),
    folded(w.unread, plan.unread),
  ];
}

// folded is how many lines there are, and behind it the lines.
function folded(title, lines) {
  return lines.length > 0 && h('details', {}, h('summary', {}, title(lines.length)), h('ul', { lang: 'en' }, lines.map((line) => h('li', {}, line))));
}
