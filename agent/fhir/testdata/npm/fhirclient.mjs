// The whole way with fhirclient, SMART's fhirclient.js, as it runs in Node.js: without a
// launch, with the token of the desk in place of one that a launch would bring.
import smart from 'fhirclient';
import { goTheWholeWay } from './way.mjs';

const query = (parameters) => new URLSearchParams(parameters).toString();

await goTheWholeWay('fhirclient', (desk) => {
  const client = smart({}, {}).client({ serverUrl: `${desk.url}/fhir`, tokenResponse: { access_token: desk.token } });
  return {
    create: (resource) => client.create(resource),
    read: (type, id) => client.request(`${type}/${id}`),
    vread: (type, id, version) => client.request(`${type}/${id}/_history/${version}`),
    search: (type, parameters) => client.request(`${type}?${query(parameters)}`),
    update: (resource, etags) => client.update(resource, { headers: { 'If-Match': etags.join(', ') } }),
    history: (type, id) => client.request(`${type}/${id}/_history`),
    conflicts: (type, id) => client.request(`${type}/${id}/$conflicts`),
    resolve: (type, id, parameters) =>
      client.request({
        url: `${type}/${id}/$resolve`, method: 'POST', body: JSON.stringify(parameters), headers: { 'content-type': 'application/fhir+json' },
      }),
    // It reads the answer itself and keeps it as the end of its message.
    refusal: (error) => ({ status: error.status, outcome: JSON.parse(error.message.slice(error.message.indexOf('{'))) }),
    tellsStatus: true,
  };
});
