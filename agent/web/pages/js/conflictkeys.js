// A conflict by keyboard alone: numbers and arrows choose, Enter confirms what is chosen.

/** onKeys listens until the function that it returns is called. */
export function onKeys(main, { fields, preview, back }) {
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('dialog, select, textarea, input:not([type="radio"])')) return;
    // A key that is held down confirms once.
    if (event.repeat && event.key === 'Enter') event.preventDefault();
    else if (act(main, event, { fields, preview, back })) event.preventDefault();
  };
  document.addEventListener('keydown', press);
  return () => document.removeEventListener('keydown', press);
}

function act(main, event, { fields, preview, back }) {
  const rows = [...main.querySelectorAll('.compare tbody tr')].filter((row) => row.querySelector('.pick input'));
  if (event.key === 'f' || event.key === 'F') return done(fields);
  if (event.key === 'Escape') return done(back);
  if (main.querySelector('.preview')) return false; // Enter presses the button that has the focus
  if (event.key === 'Enter' && rows.length > 0 && event.target.matches('body, main, input')) return done(preview);
  if (rows.length > 0) return inRows(rows, event);
  const buttons = [...main.querySelectorAll('button.keep')];
  const at = buttons.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const wanted = step ? Math.min(Math.max(at + step, 0), buttons.length - 1) : placeOf(event);
  if (!buttons[wanted]) return false;
  buttons[wanted].focus();
  return true;
}

// placeOf is the place among the versions that a key names, -1 where it names none: by its number, or by that of its place
// in the upper row, which on a Belgian keyboard gives & é " without Shift.
function placeOf({ key, code }) {
  return Number(/^[1-9]$/.test(key) ? key : /^Digit([1-9])$/.exec(code)?.[1] ?? 0) - 1;
}

// inRows moves between rows with the arrows up and down, and within one with the others.
function inRows(rows, event) {
  const at = Math.max(0, rows.findIndex((row) => row.contains(document.activeElement)));
  const choices = [...rows[at].querySelectorAll('.pick input')];
  const chosen = choices.findIndex((input) => input.checked);
  const vertical = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (vertical) {
    const row = rows[Math.min(Math.max(at + vertical, 0), rows.length - 1)];
    (row.querySelector('.pick input:checked') ?? row.querySelector('.pick input')).focus();
    return true;
  }
  const sideways = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const wanted = sideways ? choices[Math.min(Math.max(chosen + sideways, 0), choices.length - 1)] : choices.find((input) => Number(input.value) === placeOf(event));
  if (!wanted) return false;
  wanted.focus();
  if (!wanted.checked) wanted.click();
  return true;
}

function done(f) {
  f();
  return true;
}
