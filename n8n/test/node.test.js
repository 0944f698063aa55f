// The node Mailover: what its calls carry, how the words of a mail library are read, and what answers become.
const assert = require('node:assert/strict');
const { test } = require('node:test');

const { advice, problem } = require('../dist/nodes/asking.js');
const { reported, unlessRefused } = require('../dist/nodes/Mailover/answers.js');
const { Mailover } = require('../dist/nodes/Mailover/Mailover.node.js');
const { asMessage, asReport, onlyOnce, read } = require('../dist/nodes/Mailover/requests.js');

/** An item of an execution, as the routing of n8n shows it. */
function item({ execution = '17', run = 0, index = 0, parameters = {} } = {}) {
	return {
		evaluateExpression: () => run,
		getExecutionId: () => execution,
		getInstanceId: () => 'instance',
		getItemIndex: () => index,
		getNode: () => ({ id: 'node' }),
		getNodeParameter: (name, fallback) => parameters[name] ?? fallback,
		getWorkflow: () => ({ id: 'workflow' }),
	};
}

const PIN = { method: 'PUT', url: '/v1/streams/bulk/pin', body: { provider: 'ses', minutes: 5 } };

async function key(context, request = PIN) {
	return (await onlyOnce.call(context, request)).headers['Idempotency-Key'];
}

test('a repeat of a call has the same Idempotency-Key, and everything else another one', async () => {
	const first = await key(item());
	assert.match(first, /^n8n-[0-9a-f]{40}$/);
	assert.equal(await key(item()), first);
	const others = [
		await key(item({ execution: '18' })),
		await key(item({ run: 1 })),
		await key(item({ index: 1 })),
		await key(item(), { ...PIN, body: { provider: 'ses', minutes: 6 } }),
		await key(item(), { ...PIN, url: '/v1/streams/marketing/pin' }),
	];
	assert.equal(new Set([first, ...others]).size, 6);
});

test('a call without a body says so in JSON, so that a server without tokens takes it', async () => {
	assert.equal((await onlyOnce.call(item(), { method: 'DELETE', url: '/x', body: {} })).body, '{}');
	assert.deepEqual((await onlyOnce.call(item(), PIN)).body, PIN.body);
});

test('every operation that changes something is sent with a key, and no look is', () => {
	const { properties } = new Mailover().description;
	const operations = properties.filter((each) => each.name === 'operation').flatMap((each) => each.options);
	assert.equal(operations.length, 28);
	const repeatable = new Set(['Run check of provider', 'Run DNS check']);
	for (const { action, routing } of operations) {
		const keyed = (routing.send?.preSend ?? []).includes(onlyOnce);
		assert.equal(keyed, routing.request.method !== 'GET' && !repeatable.has(action), action);
	}
});

for (const [text, expected] of [
	['connect ECONNREFUSED 127.0.0.1:2525', {}],
	['connect ETIMEDOUT 10.0.0.1:465', {}],
	['Connection timeout', {}],
	['Greeting never received', { stage: 'banner' }],
	['Invalid greeting. response=421 4.3.2 busy: 421 4.3.2 busy', { stage: 'banner', code: 421, enhanced: '4.3.2' }],
	['Invalid login: 535 5.7.8 Authentication credentials invalid', { stage: 'auth', code: 535, enhanced: '5.7.8' }],
	['Invalid login: 535-5.7.8 Username and Password not accepted', { stage: 'auth', code: 535, enhanced: '5.7.8' }],
	['Mail command failed: 554 5.7.1 Sending paused', { stage: 'mail', code: 554, enhanced: '5.7.1' }],
	[
		"Can't send mail - all recipients were rejected: 550 5.1.1 no such user",
		{ stage: 'rcpt', code: 550, enhanced: '5.1.1' },
	],
	['Data command failed: 451 try later', { stage: 'data', code: 451 }],
	['Message failed: 454 4.7.0 Throttling failure', { stage: 'end_data', code: 454, enhanced: '4.7.0' }],
	['Message failed: 550 5.7.1 Authentication of the sender failed', { stage: 'end_data', code: 550, enhanced: '5.7.1' }],
	['Error upgrading connection with STARTTLS: 454 4.3.0 try later', { stage: 'starttls', code: 454, enhanced: '4.3.0' }],
	['Message failed: 250 is not what I expected of port 4510', { stage: 'end_data' }],
	['', {}],
]) {
	test(`read: ${text || '(nothing)'}`, () => assert.deepEqual(read(text), expected));
}

test('a report has what the text says, and what is said beside it wins', async () => {
	const parameters = {
		operation: 'reportFailure',
		provider: 'ses',
		text: 'Message failed: 451 4.3.0 try later',
		additionalFields: { stage: 'data', recipientDomain: 'Some One <someone@example.net>' },
	};
	const { body } = await asReport.call(item({ parameters }), { method: 'POST', url: '/v1/reports' });
	const failure = { provider: 'ses', ok: false, text: parameters.text, stage: 'data', code: 451, enhanced: '4.3.0' };
	assert.deepEqual(body, { reports: [{ ...failure, recipient_domain: 'example.net' }] });
	const fine = { operation: 'reportSuccess', provider: 'ses', text: 'left over' };
	const { body: success } = await asReport.call(item({ parameters: fine }), {});
	assert.deepEqual(success, { reports: [{ provider: 'ses', ok: true, text: '' }] });
	for (const [to, domain] of [['a@x.de, b@example.net,', 'example.net'], ['a@x.de;', 'x.de'], ['a@', undefined], ['', undefined]]) {
		const several = { ...fine, additionalFields: { recipientDomain: to } };
		const { body: sent } = await asReport.call(item({ parameters: several }), {});
		assert.equal(sent.reports[0].recipient_domain, domain, to);
	}
});

test('addresses of a message are read with and without names', async () => {
	const parameters = { from: 'Example billing <billing@example.com>', to: 'ann@example.net, "Bo, b" <b@example.net>,<c@x.de>' };
	const { body } = await asMessage.call(item({ parameters }), { body: { subject: 'Hello' } });
	assert.deepEqual(body, {
		subject: 'Hello',
		from: { name: 'Example billing', address: 'billing@example.com' },
		to: [{ address: 'ann@example.net' }, { name: 'Bo, b', address: 'b@example.net' }, { address: 'c@x.de' }],
	});
});

test('the answer to a report says whom to try now', async () => {
	const flag = { stream: 'bulk', provider: 'ses', fallbacks: ['sendgrid'], sending: true };
	const tryNext = async (change, operation = 'reportFailure') => {
		const parameters = { operation, stream: 'bulk', provider: 'ses' };
		const json = { accepted: 1, flags: { other: {}, bulk: { ...flag, ...change } } };
		const [answer] = await reported.call(item({ parameters }), [{ json }]);
		return answer.json.try_next;
	};
	assert.equal(await tryNext({ provider: 'sendgrid', fallbacks: [] }), 'sendgrid');
	assert.equal(await tryNext({}), 'sendgrid');
	assert.equal(await tryNext({ fallbacks: [] }), null);
	assert.equal(await tryNext({ provider: null, sending: false }), null);
	assert.equal(await tryNext({}, 'reportSuccess'), 'ses');
});

test('a bad address goes to nobody else, nor does a mail that may have been sent', async () => {
	const after = async (text, additionalFields = {}) => {
		const parameters = { operation: 'reportFailure', stream: 'bulk', provider: 'ses', text, additionalFields };
		const flag = { stream: 'bulk', provider: 'ses', fallbacks: ['sendgrid'], sending: true };
		const [{ json }] = await reported.call(item({ parameters }), [{ json: { accepted: 1, flags: { bulk: flag } } }]);
		assert.equal(json.try_next === null, json.stop_because !== null, text);
		return json.stop_because;
	};
	assert.match(await after("Can't send mail - all recipients were rejected: 550 5.1.1 no such user"), /address is bad/);
	for (const cut of ['Timeout', 'Connection closed unexpectedly', 'read ECONNRESET', 'Unexpected socket close']) {
		assert.match(await after(cut), /may have sent it/);
		assert.equal(await after(cut, { stage: 'banner' }), null);
	}
	for (const text of [
		"Can't send mail - all recipients were rejected: 451 4.7.1 greylisted",
		"Can't send mail - all recipients were rejected: 550 5.7.1 relaying denied",
		'Message failed: 550 5.1.1 no such user',
		'connect ECONNREFUSED 127.0.0.1:2525',
		'Connection timeout',
		'Greeting never received',
	]) {
		assert.equal(await after(text), null, text);
	}
});

test('an error tells what mailover said and how to go on', async () => {
	const data = { detail: 'A report names an unknown provider.', errors: [{ pointer: '/reports/0', detail: 'no such' }] };
	const told = { status: 422, detail: 'A report names an unknown provider. (/reports/0 no such)' };
	assert.deepEqual(problem({ response: { status: 422, data } }), told);
	assert.deepEqual(problem({ httpCode: '422', context: { data: JSON.stringify(data) } }), told);
	assert.deepEqual(problem({ code: 'ECONNREFUSED' }), { status: undefined, detail: undefined });
	assert.deepEqual(problem({ response: { status: 502, data: '<html>' } }), { status: 502, detail: undefined });
	const context = { getNode: () => ({ name: 'Mailover', type: 'mailover', typeVersion: 1, parameters: {} }) };
	const answered = (statusCode, body) => unlessRefused.call(context, [{ json: body }], { statusCode, body });
	assert.deepEqual(await answered(201, { id: 'x' }), [{ json: { id: 'x' } }]);
	const words = { name: 'NodeApiError', message: told.detail, description: advice(422), httpCode: '422' };
	await assert.rejects(answered(422, data), words);
	await assert.rejects(answered(502, '<html>'), { message: 'Mailover, or something before it, answered 502' });
	assert.match(advice(403), /operate/);
	assert.match(advice(undefined), /base URL/);
});
