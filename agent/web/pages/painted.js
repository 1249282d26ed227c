// The first paint of a page that carelog filled. What it comes to life by stands in a template until then: modules
// that are fetched or run before take the processors from the paint, and the page is seen later.

const longest = 500; // ms; no browser is waited for that does not tell of its paints

if (!document.hidden) {
  await new Promise((done) => {
    new PerformanceObserver((seen) => seen.getEntriesByName('first-contentful-paint').forEach(done)).observe({ type: 'paint', buffered: true });
    document.addEventListener('visibilitychange', done, { once: true }); // what nobody sees is not painted
    setTimeout(done, longest);
  }).catch(() => {}); // it has no word of paints at all
}
document.documentElement.classList.add('painted'); // what the style sheet leaves until then
document.head.append(document.getElementById('life').content);
