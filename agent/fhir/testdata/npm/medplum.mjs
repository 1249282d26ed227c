// The whole way with the MedplumClient of @medplum/core, on a server that is not Medplum's.
import { goTheWholeWay } from './way.mjs';

globalThis.WebSocket ??= class {}; // it is asked for when the package is loaded; Node.js has it since 22
const { MedplumClient } = await import('@medplum/core');

await goTheWholeWay('@medplum/core', (desk) => {
  const client = new MedplumClient({ baseUrl: desk.url, fhirUrlPath: 'fhir', accessToken: desk.token });
  return {
    create: (resource) => client.createResource(resource),
    read: (type, id) => client.readResource(type, id),
    vread: (type, id, version) => client.readVersion(type, id, version),
    search: (type, parameters) => client.search(type, parameters),
    update: (resource, etags) => client.updateResource(resource, { headers: { 'If-Match': etags.join(', ') } }),
    patch: (type, id, operations) => client.patchResource(type, id, operations),
    bundle: (bundle) => client.executeBatch(bundle),
    typeHistory: (type) => client.get(client.fhirUrl(type, '_history')),
    history: (type, id) => client.readHistory(type, id),
    conflicts: (type, id) => client.get(client.fhirUrl(type, id, '$conflicts')),
    resolve: (type, id, parameters) => client.post(client.fhirUrl(type, id, '$resolve'), parameters),
    // It tells the outcome and not the status.
    refusal: (error) => ({ outcome: error.outcome }),
    tellsStatus: false,
  };
});
