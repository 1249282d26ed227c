// Package web is the desk as a person sees it: the pages, and the API under /api that
// they and scripts use.
//
// It promises that the pages need nothing but this binary: no build step, no file of
// another host, no code or style inside the HTML, under a Content-Security-Policy that
// holds them to it. Everything that the pages do goes through /api or /fhir, so nothing
// that a person can do is closed to a script; /fragments has the parts of a page that the
// desk writes itself, which are read over the same doors, and /letters the letters and scans
// of a dossier as a browser may show them. A list, a light or a dossier that changes
// on the desk changes on the page, through one stream that resumes where it broke off.
//
// It promises that nothing typed is lost between key and log: a draft stays in the
// browser until the desk has acknowledged the write, a write that would fall on a newer
// version is shown beside that version, and a resource that the pages edit keeps every
// byte that the person did not change.
//
// It does not guard itself: package guard stands before it. It knows nothing of FHIR
// below the form of the records that it shows, and it decides nothing: what a write
// or a choice means is the agent's.
package web
