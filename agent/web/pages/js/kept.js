// What a crash of the browser leaves of the drafts. Chromium puts localStorage on the disk seconds after it
// was written; what IndexedDB says is done, with durability strict, is there at once.

const name = 'carelog.drafts';
const store = 'drafts';

const tries = 20;
const between = 250; // ms

const opened = open();
opened.catch(() => {}); // whoever asks for something is told

/** put resolves once a text is on the disk under its key, also where it is null: then it is removed. */
export async function put(key, text) {
  const all = await opened;
  await new Promise((done, failed) => {
    const change = all.transaction(store, 'readwrite', { durability: 'strict' });
    if (text === null) change.objectStore(store).delete(key);
    else change.objectStore(store).put(text, key);
    change.commit(); // a page that goes waits for no answer
    Object.assign(change, { oncomplete: done, onabort: () => failed(change.error) });
  });
}

/** texts are all that are there, by key. */
export async function texts() {
  const all = (await opened).transaction(store).objectStore(store);
  const [keys, values] = await Promise.all([promised(() => all.getAllKeys()), promised(() => all.getAll())]);
  return new Map(keys.map((key, i) => [key, values[i]]));
}

// open tries for a while: what is left of a browser that was killed may still have its hand on the file.
async function open(left = tries) {
  try {
    return await promised(() => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(store);
      return request;
    });
  } catch (cause) {
    if (cause.name !== 'UnknownError' || left === 0) throw cause;
    await new Promise((go) => { setTimeout(go, between); });
    return open(left - 1);
  }
}

function promised(ask) {
  return new Promise((done, failed) => {
    const request = ask();
    Object.assign(request, { onsuccess: () => done(request.result), onerror: () => failed(request.error) });
  });
}
