// The whole way with fhirclient, SMART's fhirclient.js, as it runs in Node.js: without a
// launch, with the token of the desk in place of one that a launch would bring.
import assert from 'node:assert/strict';
import smart from 'fhirclient';
import { goTheWholeWay } from './way.mjs';

const query = (parameters) => new URLSearchParams(parameters).toString();

// It has no call for what is sent as it is.
const sent = (url, body) => ({ url, method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/fhir+json' } });

const asked = [];
await goTheWholeWay('fhirclient', (desk) => {
  const client = smart({}, {}).client({ serverUrl: `${desk.url}/fhir`, tokenResponse: { access_token: desk.token } });
  asked.push(client.getFhirRelease()); // asks for metadata, without the token
  return {
    create: (resource) => client.create(resource),
    read: (type, id) => client.request(`${type}/${id}`),
    vread: (type, id, version) => client.request(`${type}/${id}/_history/${version}`),
    search: (type, parameters) => client.request(`${type}?${query(parameters)}`),
    update: (resource, etags) => client.update(resource, { headers: { 'If-Match': etags.join(', ') } }),
    patch: (type, id, operations) => client.patch(`${type}/${id}`, operations),
    bundle: (bundle) => client.request(sent(`${desk.url}/fhir`, bundle)),
    typeHistory: (type) => client.request(`${type}/_history`),
    history: (type, id) => client.request(`${type}/${id}/_history`),
    conflicts: (type, id) => client.request(`${type}/${id}/$conflicts`),
    resolve: (type, id, parameters) => client.request(sent(`${type}/${id}/$resolve`, parameters)),
    // It reads the answer itself and keeps it as the end of its message.
    refusal: (error) => ({ status: error.status, outcome: JSON.parse(error.message.slice(error.message.indexOf('{'))) }),
    tellsStatus: true,
  };
});
assert.deepEqual(await Promise.all(asked), [4, 4]);
