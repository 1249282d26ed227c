// The whole way of a record over two desks of a practice: from its registration to a
// conflict that was made offline, and to its end. It is gone with the calls of a public
// client, which each script beside this one gives; only what a client has no call for,
// a desk's switch and its light, is asked for here.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const sync = 'https://carelog.eu/fhir/CodeSystem/sync';

// goTheWholeWay goes it at the desks that the environment names. open gives a client of
// one, and name tells the patients of the clients apart.
export async function goTheWholeWay(name, open) {
  const desks = JSON.parse(process.env.CARELOG_DESKS);
  const clients = desks.map(open);
  const [one, two] = clients;
  await together(one, `${name} at once`);
  const first = await register(one, name);
  await change(one, first, 'severe asthma');
  const { id } = first;

  // A person keeps one of two versions, and not before having seen both.
  let heads = await diverge(desks, clients, id, ['mild asthma', 'asthma since childhood']);
  for (const client of clients) await seen(client, heads, 'severe asthma', desks);
  await refused(two, () => two.resolve('Condition', id, choice([heads[1]], heads[1])), heads);
  await two.resolve('Condition', id, choice(heads, heads[1]));
  await level(desks);
  for (const client of clients) await gone(client, id, 'asthma since childhood');

  // A person writes what holds of both, in a plain update that names both.
  heads = await diverge(desks, clients, id, ['asthma, uses a spacer', 'asthma, stopped smoking']);
  for (const client of clients) await seen(client, heads, 'asthma since childhood', desks);
  const both = 'asthma, uses a spacer, stopped smoking';
  await one.update({ ...heads[0], code: { text: both } }, heads.map(etag));
  await level(desks);
  for (const client of clients) await gone(client, id, both);
  for (const client of clients) assert.equal((await client.history('Condition', id)).total, 8, 'every version is kept');
  console.log(`${name} has gone the whole way`);
}

// register creates a patient with a condition, reads and finds both, and returns the
// condition.
async function register(client, name) {
  const patient = await client.create({
    resourceType: 'Patient', identifier: [{ system: 'https://example.org/ehr', value: name }],
    name: [{ family: 'Peeters', given: ['Élise', 'Marie'] }], birthDate: '1970-03-30',
  });
  const condition = await client.create({
    resourceType: 'Condition', subject: { reference: `Patient/${patient.id}` }, code: { text: 'asthma' },
  });
  assert.ok(patient.id && condition.id && condition.meta.versionId, 'what was created has an id and a version');
  assert.deepEqual(await client.read('Patient', patient.id), patient);
  assert.deepEqual(await client.read('Condition', condition.id), condition);
  const resources = (bundle) => bundle.entry.map((e) => e.resource);
  assert.deepEqual(resources(await client.search('Patient', { identifier: `https://example.org/ehr|${name}`, name: 'elise' })), [patient]);
  assert.deepEqual(resources(await client.search('Condition', { patient: `Patient/${patient.id}` })), [condition]);
  return condition;
}

// together registers a patient with a condition in one transaction, which is all or nothing,
// patches the condition, asks for several things in one batch, and finds each version in the
// history of the type.
async function together(client, name) {
  const patient = {
    resourceType: 'Patient', identifier: [{ system: 'https://example.org/ehr', value: name }], name: [{ family: 'Janssens' }],
  };
  const registered = (urn, condition) => bundle('transaction', [
    { fullUrl: urn, resource: patient, request: { method: 'POST', url: 'Patient' } },
    { resource: { ...condition, subject: { reference: urn } }, request: { method: 'POST', url: 'Condition' } },
  ]);
  const count = async () => (await client.search('Patient', { identifier: `https://example.org/ehr|${name}` })).total;
  const attempt = client.bundle(registered(`urn:uuid:${randomUUID()}`, { resourceType: 'Condition', recordedDate: 'yesterday' }));
  const { outcome } = client.refusal(await attempt.then(() => assert.fail('half a transaction was taken'), (e) => e));
  assert.match(outcome.issue[0].expression[0], /^Bundle\.entry\[1\]/);
  assert.equal(await count(), 0, 'nothing of it was written');

  const { entry } = await client.bundle(registered(`urn:uuid:${randomUUID()}`, { resourceType: 'Condition', code: { text: 'gout' } }));
  assert.deepEqual(entry.map((e) => e.response.status), ['201 Created', '201 Created']);
  assert.equal(await count(), 1);
  const [patientId, id] = entry.map((e) => e.response.location.split('/').at(-3));
  const first = await client.read('Condition', id);
  assert.equal(first.subject.reference, `Patient/${patientId}`);

  const becomes = (was, is) => [{ op: 'test', path: '/code/text', value: was }, { op: 'replace', path: '/code/text', value: is }];
  const second = await client.patch('Condition', id, becomes('gout', 'gout of the left foot'));
  assert.equal(second.code.text, 'gout of the left foot');
  assert.ok(client.refusal(await client.patch('Condition', id, becomes('gout', 'nonsense')).then(() => assert.fail('the test of a patch was passed over'), (e) => e)));

  const answers = await client.bundle(bundle('batch', [
    { request: { method: 'GET', url: `Condition/${id}` } },
    { request: { method: 'GET', url: `Condition/${id}-of-nobody` } },
    { resource: first, request: { method: 'PUT', url: `Condition/${id}`, ifMatch: etag(first) } },
  ]));
  assert.deepEqual(answers.entry.map((e) => e.response.status.slice(0, 3)), ['200', '404', '412']);
  assert.deepEqual(answers.entry[0].resource, second);
  const versions = (await client.typeHistory('Condition')).entry.map((e) => e.resource).filter((r) => r?.id === id);
  assert.deepEqual(versions, [second, first]);
}

function bundle(type, entry) {
  return { resourceType: 'Bundle', type, entry };
}

// change writes a second version. The first is there still, and nothing rests on it again.
async function change(client, first, text) {
  const second = await client.update({ ...first, code: { text } }, [etag(first)]);
  assert.equal((await client.read('Condition', first.id)).code.text, text);
  assert.deepEqual(await client.vread('Condition', first.id, first.meta.versionId), first);
  const versions = async () => (await client.history('Condition', first.id)).entry.map((e) => e.resource.meta.versionId);
  const written = [second, first].map((r) => r.meta.versionId);
  assert.deepEqual(await versions(), written);
  await refused(client, () => client.update({ ...first, code: { text: 'nonsense' } }, [etag(first)]), [second]);
  assert.deepEqual(await versions(), written, 'nothing was written');
}

// diverge lets both desks work without the server, each on what both know, and come
// back. It returns what each wrote.
async function diverge(desks, clients, id, texts) {
  await level(desks);
  for (const desk of desks) await ask(desk, 'POST', '/api/offline');
  const heads = [];
  for (const [n, client] of clients.entries()) {
    const known = await client.read('Condition', id);
    assert.ok(!tagged(known), 'there is no conflict yet');
    heads.push(await client.update({ ...known, code: { text: texts[n] } }, [etag(known)]));
    assert.equal((await ask(desks[n], 'GET', '/api/status')).outbox, 1);
  }
  for (const desk of desks) await ask(desk, 'POST', '/api/online');
  await level(desks);
  return heads;
}

// seen checks that a desk shows the conflict to whoever reads, searches or asks for it.
async function seen(client, heads, ancestor, desks) {
  const { id } = heads[0];
  assert.ok(tagged(await client.read('Condition', id)), 'a read shows the conflict');
  const list = await client.search('Condition', { _tag: `${sync}|conflict` });
  assert.deepEqual(list.entry.map((e) => e.resource.id), [id]);
  const { entry } = await client.conflicts('Condition', id);
  const of = (relation, type) =>
    entry.filter((e) => e.link[0].relation === relation && e.resource.resourceType === type).map((e) => e.resource);
  const texts = (conditions) => conditions.map((c) => c.code.text).sort();
  assert.deepEqual(texts(of('head', 'Condition')), texts(heads));
  assert.deepEqual(texts(of('ancestor', 'Condition')), [ancestor]);
  const authors = of('head', 'Provenance').map((p) => p.agent[0].who.reference);
  assert.deepEqual(authors.sort(), desks.map((d) => `Practitioner/${d.user}`).sort());
}

// gone checks that a desk shows what was chosen, and no conflict any more.
async function gone(client, id, text) {
  const settled = await client.read('Condition', id);
  assert.equal(settled.code.text, text);
  assert.ok(!tagged(settled), 'a read shows no conflict any more');
  assert.equal((await client.search('Condition', { _tag: `${sync}|conflict` })).total, 0);
  const { entry } = await client.conflicts('Condition', id);
  assert.equal(entry.filter((e) => e.resource.resourceType === 'Condition').length, 1);
}

// refused makes an attempt that must be answered with 412 and an outcome that names the
// versions that stand, each in an issue of its own.
async function refused(client, attempt, heads) {
  const error = await attempt().then(() => assert.fail('what rests on a version that is no head was taken'), (e) => e);
  const { status, outcome } = client.refusal(error);
  if (client.tellsStatus) assert.equal(status, 412);
  assert.equal(outcome.resourceType, 'OperationOutcome');
  assert.equal(outcome.issue[0].code, 'conflict');
  const named = outcome.issue.filter((i) => i.details?.coding?.[0]?.code === 'head').map((i) => i.details.text);
  assert.deepEqual(named.sort(), heads.map((h) => h.meta.versionId).sort());
}

// choice is what $resolve takes: the heads that were seen, and the one to keep.
function choice(heads, keep) {
  const parameter = heads.map((h) => ({ name: 'head', valueId: h.meta.versionId }));
  return { resourceType: 'Parameters', parameter: [...parameter, { name: 'keep', valueId: keep.meta.versionId }] };
}

// level waits until every desk has sent what it had, and then read what the others sent.
async function level(desks) {
  for (const desk of [...desks, ...desks]) {
    const status = await ask(desk, 'GET', '/api/status?prove=30s'); // the longest that a failing test takes
    assert.equal(status.light, 'online', `${desk.name} is not level: ${JSON.stringify(status)}`);
  }
}

// ask asks a desk for what is not FHIR.
async function ask(desk, method, path) {
  const answer = await fetch(desk.url + path, { method, headers: { authorization: `Bearer ${desk.token}` } });
  assert.equal(answer.status, 200, `${method} ${path}`);
  return answer.json();
}

function etag(resource) {
  return `W/"${resource.meta.versionId}"`;
}

function tagged(resource) {
  return (resource.meta.tag ?? []).some((t) => t.system === sync && t.code === 'conflict');
}
