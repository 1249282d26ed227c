// What is being typed. It outlives a reload of the page, and goes when the desk has
// acknowledged the write or the user throws it away.

const prefix = 'carelog.draft.';

/** keep stores a draft; its key names the record. */
export function keep(draft) {
  try {
    sessionStorage.setItem(prefix + draft.key, JSON.stringify(draft));
  } catch {
    // Without room the draft still lives in the form; only a reload would lose it.
  }
}

/** drop forgets a draft. */
export function drop(key) {
  sessionStorage.removeItem(prefix + key);
}

/** draftsOf are the drafts of a dossier. */
export function draftsOf(dossier) {
  const found = [];
  for (let i = 0; i < sessionStorage.length; i++) {
    const key = sessionStorage.key(i);
    if (!key.startsWith(prefix)) continue;
    const draft = parse(sessionStorage.getItem(key));
    if (draft?.dossier === dossier) found.push(draft);
  }
  return found;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
