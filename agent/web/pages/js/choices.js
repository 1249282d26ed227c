// The fields that were chosen of a conflict and not decided on: they outlive a reload, for as
// long as the versions are the same.

const key = (type, id) => `carelog.choices.${type}/${id}`;

/** keepChoices stores pairs of a field and a version; heads names the versions, in their order. */
export function keepChoices(type, id, heads, choices) {
  try {
    sessionStorage.setItem(key(type, id), JSON.stringify({ heads, choices }));
  } catch {
    // Without room they live on the page; only a reload would lose them.
  }
}

/** keptChoices is a Map of them; null where there is none, or the versions are others by now. */
export function keptChoices(type, id, heads) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key(type, id)));
    return kept?.heads === heads ? new Map(kept.choices) : null;
  } catch {
    return null;
  }
}

/** dropChoices forgets them, once the conflict is decided or whole versions are chosen from. */
export function dropChoices(type, id) {
  sessionStorage.removeItem(key(type, id));
}
