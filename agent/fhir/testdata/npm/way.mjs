// The whole way of a record over two desks of a practice: from its registration to a
// conflict that was made offline, and to its end. It is gone with the calls of a public
// client, which each script beside this one gives; only what a client has no call for,
// a desk's switch and its light, is asked for here.
import assert from 'node:assert/strict';

const sync = 'https://carelog.eu/fhir/CodeSystem/sync';

// patience is how long a desk may take to become level with the server. Nothing depends
// on it but the time that a failing test takes.
const patience = '30s';

const etag = (resource) => `W/"${resource.meta.versionId}"`;
const tagged = (resource) => (resource.meta.tag ?? []).some((t) => t.system === sync && t.code === 'conflict');
const versions = (bundle) => bundle.entry.map((e) => e.resource.meta.versionId);

// ask asks a desk for what is not FHIR.
async function ask(desk, method, path) {
  const answer = await fetch(desk.url + path, { method, headers: { authorization: `Bearer ${desk.token}` } });
  assert.equal(answer.status, 200, `${method} ${path}`);
  return answer.json();
}

// level waits until every desk has sent what it had, and then read what the others sent.
async function level(desks) {
  for (const desk of [...desks, ...desks]) {
    const status = await ask(desk, 'GET', `/api/status?prove=${patience}`);
    assert.equal(status.light, 'online', `${desk.name} is not level: ${JSON.stringify(status)}`);
  }
}

// refused runs what must be refused with a 412 that names the versions that stand, each
// as it is in an issue of its own.
async function refused(client, attempt, heads) {
  const error = await attempt().then(() => assert.fail('a change that rests on what is no more was taken'), (e) => e);
  if (error instanceof assert.AssertionError) throw error;
  const { status, outcome } = client.refusal(error);
  if (client.tellsStatus) assert.equal(status, 412);
  assert.equal(outcome.resourceType, 'OperationOutcome');
  assert.equal(outcome.issue[0].code, 'conflict');
  const named = outcome.issue.filter((i) => i.details?.coding?.[0]?.code === 'head').map((i) => i.details.text);
  assert.deepEqual(named.sort(), [...heads].sort());
}

// goTheWholeWay registers a patient and a condition at the first desk and follows them.
// open gives a client of a desk; name tells the patients of the clients apart.
export async function goTheWholeWay(name, open) {
  const desks = JSON.parse(process.env.CARELOG_DESKS);
  const [one, two] = desks.map(open);

  const patient = await one.create({
    resourceType: 'Patient', identifier: [{ system: 'https://example.org/ehr', value: name }],
    name: [{ family: 'Peeters', given: ['Élise', 'Marie'] }], birthDate: '1970-03-30',
  });
  const first = await one.create({
    resourceType: 'Condition', subject: { reference: `Patient/${patient.id}` }, code: { text: 'asthma' },
  });
  const { id } = first;
  assert.ok(patient.id && id && first.meta.versionId, 'what was created has an id and a version');
  assert.deepEqual(await one.read('Patient', patient.id), patient);
  assert.deepEqual(await one.read('Condition', id), first);

  const found = await one.search('Patient', { identifier: `https://example.org/ehr|${name}`, name: 'elise' });
  assert.deepEqual(found.entry.map((e) => e.resource), [patient]);
  const dossier = await one.search('Condition', { patient: `Patient/${patient.id}` });
  assert.deepEqual(dossier.entry.map((e) => e.resource), [first]);

  const second = await one.update({ ...first, code: { text: 'severe asthma' } }, [etag(first)]);
  assert.notEqual(second.meta.versionId, first.meta.versionId);
  assert.equal((await one.read('Condition', id)).code.text, 'severe asthma');
  assert.deepEqual(await one.vread('Condition', id, first.meta.versionId), first);
  const written = [second.meta.versionId, first.meta.versionId];
  assert.deepEqual(versions(await one.history('Condition', id)), written);
  await refused(one, () => one.update({ ...first, code: { text: 'nonsense' } }, [etag(first)]), [second.meta.versionId]);
  assert.deepEqual(versions(await one.history('Condition', id)), written, 'nothing was written');

  // Both desks work without the server, each on what both know.
  async function diverge(texts) {
    await level(desks);
    for (const desk of desks) await ask(desk, 'POST', '/api/offline');
    const heads = [];
    for (const [n, client] of [one, two].entries()) {
      const known = await client.read('Condition', id);
      assert.ok(!tagged(known), 'there is no conflict yet');
      heads.push(await client.update({ ...known, code: { text: texts[n] } }, [etag(known)]));
      assert.equal((await ask(desks[n], 'GET', '/api/status')).outbox, 1);
    }
    for (const desk of desks) await ask(desk, 'POST', '/api/online');
    await level(desks);
    return heads;
  }

  // Each desk shows the conflict to whoever reads, searches or asks for it.
  async function seen(client, heads, ancestor) {
    assert.ok(tagged(await client.read('Condition', id)), 'a read shows the conflict');
    const list = await client.search('Condition', { _tag: `${sync}|conflict` });
    assert.deepEqual(list.entry.map((e) => e.resource.id), [id]);
    const bundle = await client.conflicts('Condition', id);
    const of = (relation, type) => bundle.entry.filter((e) => e.link[0].relation === relation && e.resource.resourceType === type);
    const texts = (entries) => entries.map((e) => e.resource.code.text).sort();
    assert.deepEqual(texts(of('head', 'Condition')), texts(heads.map((resource) => ({ resource }))));
    assert.deepEqual(texts(of('ancestor', 'Condition')), [ancestor]);
    const authors = of('head', 'Provenance').map((e) => e.resource.agent[0].who.reference);
    assert.deepEqual(authors.sort(), desks.map((d) => `Practitioner/${d.user}`).sort());
  }

  // Each desk shows what was chosen, and no conflict.
  async function gone(client, text) {
    const settled = await client.read('Condition', id);
    assert.equal(settled.code.text, text);
    assert.ok(!tagged(settled), 'a read shows no conflict any more');
    assert.equal((await client.search('Condition', { _tag: `${sync}|conflict` })).total, 0);
    const bundle = await client.conflicts('Condition', id);
    assert.equal(bundle.entry.filter((e) => e.resource.resourceType === 'Condition').length, 1);
  }

  // A person keeps one of two versions, and not before having seen both.
  let heads = await diverge(['mild asthma', 'asthma since childhood']);
  for (const client of [one, two]) await seen(client, heads, 'severe asthma');
  const choice = (seenHeads, keep) => ({
    resourceType: 'Parameters',
    parameter: [
      ...seenHeads.map((h) => ({ name: 'head', valueId: h.meta.versionId })), { name: 'keep', valueId: keep.meta.versionId },
    ],
  });
  const standing = heads.map((h) => h.meta.versionId);
  await refused(two, () => two.resolve('Condition', id, choice([heads[1]], heads[1])), standing);
  await two.resolve('Condition', id, choice(heads, heads[1]));
  await level(desks);
  for (const client of [one, two]) await gone(client, 'asthma since childhood');

  // A person writes what holds of both, in a plain update that names both.
  heads = await diverge(['asthma, uses a spacer', 'asthma, stopped smoking']);
  for (const client of [one, two]) await seen(client, heads, 'asthma since childhood');
  const both = 'asthma, uses a spacer, stopped smoking';
  await one.update({ ...heads[0], code: { text: both } }, heads.map(etag));
  await level(desks);
  for (const client of [one, two]) await gone(client, both);
  assert.equal((await two.history('Condition', id)).total, 8, 'every version is kept');
  console.log(`${name} has gone the whole way`);
}
