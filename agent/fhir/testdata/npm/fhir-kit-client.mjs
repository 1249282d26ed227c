// The whole way with fhir-kit-client.
import { Client } from 'fhir-kit-client';
import { goTheWholeWay } from './way.mjs';

await goTheWholeWay('fhir-kit-client', (desk) => {
  const client = new Client({ baseUrl: `${desk.url}/fhir`, bearerToken: desk.token });
  return {
    create: (body) => client.create({ resourceType: body.resourceType, body }),
    read: (resourceType, id) => client.read({ resourceType, id }),
    vread: (resourceType, id, version) => client.vread({ resourceType, id, version }),
    search: (resourceType, searchParams) => client.search({ resourceType, searchParams }),
    update: (body, etags) =>
      client.update({ resourceType: body.resourceType, id: body.id, body, options: { headers: { 'If-Match': etags.join(', ') } } }),
    patch: (resourceType, id, jsonPatch) => client.patch({ resourceType, id, jsonPatch }),
    bundle: (body) => client[body.type]({ body }),
    typeHistory: (resourceType) => client.typeHistory({ resourceType }),
    history: (resourceType, id) => client.history({ resourceType, id }),
    conflicts: (resourceType, id) => client.operation({ name: '$conflicts', resourceType, id, method: 'GET' }),
    resolve: (resourceType, id, input) => client.operation({ name: '$resolve', resourceType, id, input }),
    refusal: (error) => ({ status: error.response.status, outcome: error.response.data }),
    tellsStatus: true,
  };
});
