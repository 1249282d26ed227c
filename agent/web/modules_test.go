package web_test

// moduleTests runs in the browser and returns what is wrong, a line each.
const moduleTests = `(async () => {
	const wrong = [];
	const want = (name, got, expected) => {
		if (JSON.stringify(got) !== JSON.stringify(expected)) wrong.push(name + ': got ' + JSON.stringify(got) + ', want ' + JSON.stringify(expected));
	};
	const { setAt, removeAt, namesAt } = await import('/assets/js/splice.js');
	const text = '{\n  "a" : 1.00,\n  "b": {"c\\u0041":[1e400, "}]\\"", {"x":9007199254740993}]} ,"d":null\n}';
	want('set a member', setAt(text, ['d'], 'é'), text.replace('null', '"é"'));
	want('set by an escaped name', setAt(text, ['b', 'cA', 0], 2), text.replace('1e400', '2'));
	want('set within a list', setAt(text, ['b', 'cA', 2, 'x'], 2), text.replace('9007199254740993', '2'));
	want('add a member', setAt(text, ['e'], 1), text.replace('null\n', 'null,"e":1\n'));
	want('add an item', setAt(text, ['b', 'cA', 3], 1), text.replace('}]}', '},1]}'));
	want('add into nothing', setAt('{}', ['a', 0, 'b'], 1), '{"a":[{"b":1}]}');
	want('add into an empty list', setAt('{"a": [ ]}', ['a', 0], 1), '{"a": [1 ]}');
	want('replace what cannot hold it', setAt('{"a":1.50}', ['a', 'b'], 1), '{"a":{"b":1}}');
	want('remove the first', removeAt('{ "a":1, "b":2.0 }', ['a']), '{ "b":2.0 }');
	want('remove the last', removeAt('{ "a":1.0, "b":2 }', ['b']), '{ "a":1.0 }');
	want('remove between', removeAt('[1,[2],3]', [1]), '[1,3]');
	want('remove the only one', removeAt('{"a":1,"b":[{"c":"x"}]}', ['b', 0, 'c']), '{"a":1}');
	want('remove all', removeAt('{ "a":1 }', ['a']), '{  }');
	want('remove nothing', removeAt(text, ['b', 'zz', 1]), text);
	want('names', namesAt(text, ['b']), ['cA']);
	for (const broken of ['{"a"', '{"a":}', '{"a" 1}', '["x]', '{"a":[1,2}']) {
		let failed = false;
		try { setAt(broken, ['b', 'c'], 1); namesAt(broken, ['a']); setAt(broken, [0, 'c'], 1); } catch { failed = true; }
		want('broken text ' + broken, failed, true);
	}

	const { validSSIN, writeSSIN, toBase64, fromBase64 } = await import('/assets/js/resource.js');
	want('check digits before 2000', validSSIN('85073003328'), true);
	want('check digits since 2000', validSSIN('17073003384'), true);
	want('wrong check digits', validSSIN('85073003329'), false);
	want('the number as on the card', writeSSIN('85073003328'), '85.07.30-033.28');
	want('text there and back', fromBase64(toBase64('Éé 😀\n')), 'Éé 😀\n');
	want('bytes that are no text', fromBase64('//79'), null);

	const { marked } = await import('/assets/js/textdiff.js');
	const wordsMarked = (a, b) => marked(a, b).filter((node) => node.localName === 'mark').map((node) => node.textContent);
	const story = 'so it went on '.repeat(2000);
	want('a word in a long text', wordsMarked(story + 'left hip ' + story, story + 'right hip ' + story), ['left']);
	want('a long text', wordsMarked('x' + story, story).length, 1);
	want('what was put in', wordsMarked('a b b c', 'a b c'), ['b ']);

	const { looksLikeDay, readDate, typedDate } = await import('/assets/js/typeddate.js');
	for (const [typed, whole] of [['31/02/2020', true], ['2020-02-31', true], ['31 februari 2020', true], ['02/2020', false], ['soon', false], ['31/02/20', false], ['12/13/2019', false]]) want('a whole day ' + typed, looksLikeDay(typed), whole);
	for (const [typed, date] of [['12/3/1957', '1957-03-12'], ['12.03.1957', '1957-03-12'], ['1957-3-12', '1957-03-12'], ['3/1957', '1957-03'], ['1957', '1957'], ['12 maart 1957', '1957-03-12'], ['29/2/2024', '2024-02-29'],
		['29/2/2023', null], ['31-02-2024', null], ['12/3/57', null], ['0/1/2024', null], ['1/13/2024', null], ['0000', null], ['soon', null], ['12/3/1957 x', null], ['12/3/1957 25:00', null], ['1957 10:00', null], ['1/1/2040', '2040-01-01']]) want('typed ' + typed, readDate(typed), date);
	for (const [date, typed] of [['1957-03-12', '12/03/1957'], ['1957-03', '03/1957'], ['1957', '1957'], ['31-02-2024', '31-02-2024'], ['', '']]) want('shown ' + date, typedDate(date), typed);
	want('a moment there and back', new Date(readDate(typedDate('2026-11-03T08:15:00+01:00'))).getTime(), Date.parse('2026-11-03T08:15:00+01:00'));

	const { parse } = await import('/assets/js/api.js');
	want('digits', parse('{"a":1.00,"b":5,"c":9007199254740993}'), { a: '1.00', b: 5, c: '9007199254740993' });

	const search = (await import('/assets/js/query.js')).queryOf;
	want('a name', search('de smet, griet'), { name: 'de smet griet' });
	want('a name and a date', search('jan 12.3.1957'), { birthdate: '1957-03-12', name: 'jan' });
	want('a number', search('57.03.12-113.31'), { identifier: '57031211331' });
	for (const [typed, day] of [['12/03/1957', '1957-03-12'], ['12.3.57', '1957-03-12'], ['1957-03-12', '1957-03-12'], ['1957/3/12', '1957-03-12'], ['12 maart 1957', '1957-03-12'], ['12 mars 1957', '1957-03-12'],
		['12. März 1957', '1957-03-12'], ['12 Mar 1957', '1957-03-12'], ['1er août 1957', '1957-08-01'], ['19570312', '1957-03-12'], ['12031957', '1957-03-12'], ['570312', '1957-03-12'], ['03/1957', '1957-03'],
		['maart 1957', '1957-03'], ['12-03-1957', '1957-03-12'], ['1/2/26', '2026-02-01']]) want('a date: ' + typed, search(typed), { birthdate: day });
	want('no such day', search('31/02/1957'), { identifier: '31/02/1957' });
	want('a name beside a month', search('jan mei 12 mei 1957'), { birthdate: '1957-05-12', name: 'jan mei' });
	want('nothing to look for', search(' , - '), {});

	const { writeValues, readValues, newText } = await import('/assets/js/kinds.js');
	const statement = '{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"coding":[{"code":"1"}],"text":"A"},"dosage":[{"text":"x","doseAndRate":[{"doseQuantity":{"value":1.00}}]}],"effectiveDateTime":"2020"}';
	const values = readValues('MedicationStatement', JSON.parse(statement));
	want('nothing changed', writeValues('MedicationStatement', statement, values), statement);
	want('the dose alone', writeValues('MedicationStatement', statement, { ...values, dose: 'y' }), statement.replace(/"x".*?}}]/, '"y"'));
	const dosed = statement.replace(/"dosage":\[.*\]/, '"dosage":[{"text":"1/d","patientInstruction":"p","timing":{"repeat":{"frequency":2}},"doseAndRate":[{"doseQuantity":{"value":0.50}}]},{"timing":{"repeat":{"when":["EVE"]}}},{"text":"z","asNeededBoolean":true}]');
	const doses = (dose) => JSON.stringify(JSON.parse(writeValues('MedicationStatement', dosed, { ...readValues('MedicationStatement', JSON.parse(dosed)), ...dose })).dosage);
	want('other words of a dose drop its figures', doses({ dose: '2/d' }), '[{"text":"2/d","patientInstruction":"p"},{"text":"z","asNeededBoolean":true}]');
	want('no words of a dose drop its figures', doses({ dose: '' }), '[{"patientInstruction":"p"},{"text":"z","asNeededBoolean":true}]');
	want('figures of a dose that nobody changed', doses({ remark: 'x' }), JSON.stringify(JSON.parse(dosed).dosage));
	want('words for a dose of figures', JSON.stringify(JSON.parse(writeValues('MedicationStatement', '{"status":"active","dosage":[{"timing":{"repeat":{"frequency":2}}},{"text":"z"}]}', { taking: 'active', dose: '2/d' })).dosage), '[{"text":"2/d"},{"text":"z"}]');
	want('other words drop the code', writeValues('MedicationStatement', statement, { ...values, medicine: 'B' }), statement.replace('{"coding":[{"code":"1"}],"text":"A"}', '{"text":"B"}'));
	want('one form of a date', JSON.parse(writeValues('MedicationStatement', statement, { ...values, start: '2021' })).effectiveDateTime, undefined);
	const until = JSON.parse(writeValues('MedicationStatement', statement, { ...values, end: '2026-03-01' }));
	want('an end beside a beginning that stood alone', [until.effectivePeriod, until.effectiveDateTime], [{ start: '2020', end: '2026-03-01' }, undefined]);
	const both = JSON.parse(writeValues('MedicationStatement', statement, { ...values, start: '2021', end: '2026' }));
	want('another beginning, and an end', [both.effectivePeriod, both.effectiveDateTime], [{ start: '2021', end: '2026' }, undefined]);
	want('an end alone', JSON.parse(writeValues('MedicationStatement', statement, { ...values, start: '', end: '2026' })).effectivePeriod, { end: '2026' });
	want('no end, and no period', writeValues('MedicationStatement', '{"status":"active","effectivePeriod":{"end":"2026"}}', { taking: 'active', end: '' }), '{"status":"active"}');
	const { endsBefore } = await import('/assets/js/typeddate.js');
	for (const [last, first, expected] of [['2026-03-01', '2026-03-02', true], ['2026-03-02', '2026-03-02', false], ['2026-03', '2026-03-12', false], ['2026-02', '2026-03-12', true], ['2025', '2026-01', true], ['2026-03-12', '2026-03', false],
		['2026-03-12', '2026-03-12T23:00:00', false], ['2026-03-11', '2026-03-12T01:00:00', true], ['2026-03-12T08:00:00Z', '2026-03-12T09:30:00+02:00', false], ['2026-03-12T07:00:00Z', '2026-03-12T09:30:00+02:00', true],
		['', '2026', false], ['2026', '', false], ['soon', '2026', false]]) want('ends before: ' + last + ' and ' + first, endsBefore(last, first), expected);
	const person = '{"resourceType":"Patient","name":[{"use":"old","family":"X"},{"use":"official","family":"Y","given":["A"],"_given":[null]}],"identifier":[{"system":"s","value":"1"}]}';
	const changed = JSON.parse(writeValues('Patient', person, { ...readValues('Patient', JSON.parse(person)), given: 'A  B', ssin: '85.07.30-033.28' }));
	want('the name in use', changed.name[1], { use: 'official', family: 'Y', given: ['A', 'B'] });
	want('a second identifier', changed.identifier.length, 2);
	want('a new one names its type first', newText('Condition', 'c', 'p').startsWith('{"resourceType":"Condition","id":"c"'), true);

	const measured = '{"resourceType":"Observation","status":"final","code":{"text":"HbA1c"},"valueQuantity":{"value":7.10,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}';
	const figures = readValues('Observation', parse(measured));
	want('digits as they stand', figures.value, '7.10');
	want('a value as it was typed', writeValues('Observation', measured, { ...figures, value: '6,90' }), measured.replace('7.10', '6.90'));
	want('another unit drops the code', writeValues('Observation', measured, { ...figures, unit: 'mmol/mol' }), measured.replace('"%","system":"http://unitsofmeasure.org","code":"%"', '"mmol/mol"'));

	const consent = '{"resourceType":"Consent","status":"active","category":[{"coding":[{"system":"http://x","code":"y"},{"system":"https://carelog.eu/fhir/CodeSystem/cd-therapeuticlinktype","code":"gmd"}]}],"provision":{"period":{"start":"2026"},"type":"permit"}}';
	want('another relation, and what is beside it', writeValues('Consent', consent, { ...readValues('Consent', JSON.parse(consent)), about: 'gpconsultation', from: '' }), consent.replace('"gmd"', '"gpconsultation"').replace('"period":{"start":"2026"},', ''));
	const { holds, tableOf, isWish, wish } = await import('/assets/js/consents.js');
	for (const [name, content, expected] of [['active', { status: 'active' }, true], ['withdrawn', { status: 'inactive' }, false], ['a year', { status: 'active', provision: { period: { start: '2026', end: '2026' } } }, true],
		['over', { status: 'active', provision: { period: { end: '2026-03-11' } } }, false], ['its last day', { status: 'active', provision: { period: { end: '2026-03-12' } } }, true],
		['to come', { status: 'active', provision: { period: { start: '2026-03-13' } } }, false], ['this month', { status: 'active', provision: { period: { start: '2026-03', end: '2026-03' } } }, true]]) want('a consent: ' + name, holds(content, '2026-03-12'), expected);
	want('a code of a table', tableOf({ category: [{ coding: [{ system: 'http://x', code: 'y' }, { system: 'https://z/CD-THERAPEUTICLINKTYPE', code: 'gmd' }] }] }), { table: 'cd-therapeuticlinktype', code: 'gmd', path: ['category', 0, 'coding', 1] });
	want('no wish', [isWish(undefined), isWish({ resourceType: 'Consent' })], [false, false]);

	const wished = (...states) => ({ id: 'w', conflict: states.length > 1, heads: states.map((status) => ({ content: { resourceType: 'Consent', status, category: [{ coding: [{ system: 'https://carelog.eu/fhir/CodeSystem/sumehr', code: 'publish' }] }] } })) });
	const became = async (record, ...how) => wish('p1', [{ ...record, content: record.heads[0].content }], ...how).catch((cause) => cause.conflict ?? cause.message);
	want('off in a conflict that shows it off', await became(wished('inactive', 'active'), false), '/conflicts/Consent/w');
	want('on in a conflict that shows it on', await became(wished('active', 'inactive'), true), '/conflicts/Consent/w');
	want('nothing to take back', [await became(wished('inactive'), false), await became(wished('active'), false, true)], [false, false]);
	want('it is so already', await became(wished('active'), true), true);

	const { seldom } = await import('/assets/js/dom.js');
	let begun = 0;
	let finish;
	const rare = seldom(() => { begun++; return new Promise((resolve) => { finish = resolve; }); }, 1e6);
	const settled = async () => { finish(); for (let i = 0; i < 9; i++) await null; };
	rare();
	rare();
	rare.hurry();
	rare();
	want('one at a time', begun, 1);
	await settled();
	want('once more for all that came meanwhile', begun, 2);
	await settled();
	rare();
	want('not at once again', begun, 2);
	rare.hurry();
	rare();
	want('at once for who acted', begun, 3);
	rare.cancel();
	rare();
	await settled();
	want('no more after the end', begun, 3);
	await new Promise((resolve) => {
		let calls = 0;
		const soon = seldom(() => { calls++; if (calls === 2) resolve(); }, 1);
		soon();
		soon(); // after the pause, by itself
	});

	const marks = (a, b) => marked(a, b).map((n) => n.outerHTML ?? n).join('');
	want('words that differ', marks('1 tablet in the evening', '2 tablets in the evening'), '<mark>1 tablet</mark> in the evening');
	want('words that are the same', marks('same', 'same'), 'same');
	want('a number is one word', marks('5 mg', '2.5 mg'), '<mark>5</mark> mg');
	want('its fraction too', marks('2,5 mg, 1/2 tablet, 2-0-1.', '7,5 mg, 1/4 tablet, 2-0-2.'), '<mark>2,5</mark> mg, <mark>1/2</mark> tablet, <mark>2-0-1</mark>.');
	want('what any other has not', marked('5 mg in the morning', '5 mg at night', '7.5 mg in the morning').map((n) => n.outerHTML ?? n).join(''), '<mark>5</mark> mg <mark>in the morning</mark>');
	const named = (value) => JSON.parse(writeValues('Observation', newText('Observation', 'o', 'p'), { ...readValues('Observation', JSON.parse(newText('Observation', 'o', 'p'))), measured: value, value: '138 / 84' }));
	const taken = named('Blood pressure');
	want('a blood pressure', [taken.code, taken.component.map((c) => [c.code.coding[0].code, c.valueQuantity.value, c.valueQuantity.code]), taken.valueQuantity],
		[{ coding: [{ system: 'http://loinc.org', code: '85354-9', display: 'Blood pressure' }], text: 'Blood pressure' }, [['8480-6', 138, 'mm[Hg]'], ['8462-4', 84, 'mm[Hg]']], undefined]);
	const arm = JSON.stringify({ ...taken, bodySite: { text: 'left arm' } });
	want('as it is typed', readValues('Observation', JSON.parse(arm)).value, '138/84');
	want('another blood pressure, and nothing else', writeValues('Observation', arm, { ...readValues('Observation', JSON.parse(arm)), value: '126/80' }), arm.replace('138', '126').replace('84}', '80}').replace('"value":84', '"value":80'));
	const shock = arm.replace('138', '38.0');
	want('another unit of a blood pressure, digit for digit', writeValues('Observation', shock, { ...readValues('Observation', parse(shock)), unit: 'kPa' }), shock.replaceAll(',"system":"http://unitsofmeasure.org","code":"mm[Hg]"', '').replaceAll('mmHg', 'kPa'));
	const { fits } = await import('/assets/js/pressure.js');
	want('what stands already', fits('38.0/84', parse(shock)), true);
	want('a blood pressure with a fraction', JSON.parse(writeValues('Observation', arm, { ...readValues('Observation', parse(arm)), value: '126,5/80' })).component[0].valueQuantity.value, 126.5);
	for (const [name, body, typed, expected] of [['a new one', {}, '138/84', true], ['a new number', {}, '7,2', true], ['sight', {}, '10/10', false], ['turned round', {}, '84/138', false], ['half of one', taken, '138', false], ['no pressure', JSON.parse(lab0()), '138/84', false], ['a bound', {}, '<= 5', true], ['a word', {}, 'high', false]]) want('a value: ' + name, fits(typed, body), expected);
	function lab0() { return '{"code":{"text":"CRP"},"valueQuantity":{"value":5}}'; }
	const lab = '{"resourceType":"Observation","status":"final","code":{"text":"CRP"},"valueQuantity":{"value":5,"comparator":"<","unit":"mg/L"}}';
	const found = readValues('Observation', parse(lab));
	want('less than', found.value, '<5');
	want('a value that is no bound any more', writeValues('Observation', lab, { ...found, value: '12' }), lab.replace('5,"comparator":"<"', '12'));
	want('another bound', writeValues('Observation', lab, { ...found, value: '>= 200' }), lab.replace('5,"comparator":"<"', '200,"comparator":">="'));
	want('a beginning that was taken out', JSON.parse(writeValues('MedicationStatement', statement, { ...values, start: '' })).effectiveDateTime, undefined);
	const called = '{"resourceType":"Patient","name":[{"family":"Y","given":["A"],"text":"A Y"}]}';
	want('a name in one piece that is none any more', JSON.parse(writeValues('Patient', called, { ...readValues('Patient', JSON.parse(called)), family: 'Z' })).name, [{ family: 'Z', given: ['A'] }]);
	return wrong.join('\n');
})()`
