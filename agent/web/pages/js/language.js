// Choosing a language, with one click.

import { h } from './dom.js';
import { language, languages, speak, words } from './words.js';

/** languagePicker offers all languages; what is typed outlives the load that the choice takes. */
export function languagePicker() {
  return h('div', { class: 'languages', role: 'group', 'aria-label': words.language }, Object.entries(languages).map(([code, name]) => h('button', {
    type: 'button', lang: code, title: name, 'aria-label': name, 'aria-pressed': String(code === language), onclick: () => {
      speak(code);
      location.reload();
    },
  }, code.toUpperCase())));
}
