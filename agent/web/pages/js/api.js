// Asking carelog on this PC.

import { current } from './user.js';
import { language, words } from './words.js';

/** ApiError is an answer that is not what was asked for; status 0 is no answer at all. */
export class ApiError extends Error {
  constructor(status, code, text, body) {
    super(text);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/** request asks and returns {status, text, etag}; every status from 400 on is an ApiError. */
export async function request(method, path, { body, headers = {}, signal } = {}) {
  let response;
  let text;
  try {
    response = await fetch(path, { method, body, signal, headers: { Accept: 'application/json', ...author(), ...headers } });
    text = await response.text();
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', words.errors.unreachable);
  }
  if (!response.ok) throw refused(response.status, text);
  return { status: response.status, text, etag: response.headers.get('ETag') };
}

/** get asks for JSON. */
export async function get(path, options) {
  return parse((await request('GET', path, options)).text);
}

/**
 * parse reads JSON to be shown. A number that JavaScript would write in another way, such
 * as 1.00, becomes a text with its own digits: a dose is shown as it was written.
 */
export function parse(text) {
  return JSON.parse(text, (_, value, context) => (
    typeof value === 'number' && context?.source !== undefined && context.source !== String(value) ? context.source : value));
}

/** fragment asks for a part of a page, as carelog writes it. */
export async function fragment(path, options = {}) {
  const part = document.createElement('template');
  part.innerHTML = (await request('GET', path, { ...options, headers: { Accept: 'text/html' } })).text;
  return part.content;
}

/** post sends JSON, and returns the JSON of the answer or null. */
export async function post(path, value) {
  const { text } = await request('POST', path, {
    body: value === undefined ? undefined : JSON.stringify(value),
    headers: value === undefined ? {} : { 'Content-Type': 'application/json' },
  });
  return text ? JSON.parse(text) : null;
}

/** fhir is the address of a record, or of all records of a type. */
export function fhir(type, id) {
  return id ? `/fhir/${type}/${encodeURIComponent(id)}` : `/fhir/${type}`;
}

/** readRecord returns a record as its exact text, with the ETag to name it by. */
export function readRecord(type, id) {
  return request('GET', fhir(type, id), { headers: fhirJSON });
}

/** writeRecord saves the text of a record: over the version of etag, or as a new one. */
export function writeRecord(type, id, text, etag) {
  return request('PUT', fhir(type, id), {
    body: text,
    headers: { ...fhirJSON, 'Content-Type': 'application/fhir+json', ...(etag ? { 'If-Match': etag } : { 'If-None-Match': '*' }) },
  });
}

/** deleteRecord deletes the version of etag. */
export function deleteRecord(type, id, etag) {
  return request('DELETE', fhir(type, id), { headers: { ...fhirJSON, 'If-Match': etag } });
}

/** search returns the Bundle of a FHIR search. */
export function search(type, parameters, options = {}) {
  const query = new URLSearchParams(parameters);
  return get(`${fhir(type)}?${query}`, { ...options, headers: fhirJSON });
}

/** resources are the resources in a Bundle that were looked for. */
export function resources(bundle) {
  return (bundle.entry ?? []).filter((e) => e.resource && e.search?.mode !== 'outcome').map((e) => e.resource);
}

const fhirJSON = { Accept: 'application/fhir+json' };

function author() {
  const id = current();
  return id ? { 'Carelog-User': id } : {};
}

function refused(status, text) {
  let body = null;
  try {
    body = parse(text);
  } catch {
    // A door that answers in another form has no more to say than its status.
  }
  const issue = body?.issue?.[0];
  const said = body?.error?.text ?? issue?.diagnostics ?? issue?.details?.text;
  const code = body?.error?.code ?? issue?.code ?? String(status);
  if (status === 401) return new ApiError(status, code, words.errors.login, body);
  // In another language the exact words, which are English, come after what they mean.
  const meant = language === 'en' ? undefined : words.errors.codes[code];
  return new ApiError(status, code, [meant, said].filter(Boolean).join(' ') || words.errors.answer(status), body);
}
