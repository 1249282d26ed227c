// Questions that must be answered first.

import { h } from './dom.js';
import { words } from './words.js';

/**
 * ask puts a question and resolves with true, with the text of the field where there is
 * one, or with null where the user thought better of it. back is the way out of it.
 */
export function ask({ title, text, action, back = words.cancel, danger = false, field = null }) {
  return new Promise((resolve) => {
    const input = field && h('textarea', { id: 'dialog-field', rows: 3, required: true, maxlength: 500 });
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' },
      h('form', { method: 'dialog', onsubmit: () => { dialog.returnValue = 'yes'; } },
        h('h2', { id: 'dialog-title' }, title),
        text && h('div', { class: 'dialog-text' }, text),
        field && h('label', { class: 'field', for: 'dialog-field' }, h('span', { class: 'label' }, field), input),
        h('div', { class: 'actions' },
          back && h('button', { type: 'button', class: 'button', onclick: () => dialog.close('no') }, back),
          h('button', { type: 'submit', class: danger ? 'button danger' : 'button primary' }, action))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (dialog.returnValue !== 'yes') resolve(null);
      else resolve(field ? input.value.trim() || null : true);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** tell says what must be seen, and resolves when it was. text is text, or what shows it. */
export function tell(title, text) {
  return ask({ title, text, action: words.close, back: '' });
}
