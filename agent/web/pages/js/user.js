// Who is at this PC. The name travels with every write, and with every page that is opened, so
// that the trail names who looks.

const key = 'carelog.user';
const cookie = `carelog-user${location.port && `-${location.port}`}`;

/** current is the Practitioner id of the user; empty for the default of this PC. */
export function current() {
  return localStorage.getItem(key) ?? '';
}

/** choose keeps who the user is, for this browser. */
export function choose(id) {
  if (id) localStorage.setItem(key, id);
  else localStorage.removeItem(key);
  tellPages();
}

// The address bar sends no header, but it sends a cookie.
function tellPages() {
  document.cookie = `${cookie}=${current()}; path=/; samesite=strict; max-age=${current() ? 31536000 : 0}`;
}

tellPages();
