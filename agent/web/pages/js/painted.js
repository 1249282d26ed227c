// The first paint of a page that carelog filled. Whatever is imported behind this comes to life after
// it: a module that runs before takes the processors from it, and the page is seen later.

const longest = 500; // ms; no browser is waited for that does not tell of its paints

if (!document.hidden && !document.querySelector('#main > .loading')) {
  await new Promise((done) => {
    new PerformanceObserver((seen) => seen.getEntriesByName('first-contentful-paint').forEach(done)).observe({ type: 'paint', buffered: true });
    document.addEventListener('visibilitychange', done, { once: true }); // what nobody sees is not painted
    setTimeout(done, longest);
  });
}
document.documentElement.classList.add('painted'); // what the style sheet leaves until then
