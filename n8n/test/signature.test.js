// Signatures, held against the vectors that mailover's own tests share, and against the library of npm.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Webhook } = require('standardwebhooks');

const { complaint } = require('../dist/nodes/MailoverTrigger/signature.js');

const VECTORS = JSON.parse(readFileSync(path.join(__dirname, '../../tests/data/standard_webhooks.json'), 'utf8'));

function headers(vector) {
	return {
		'webhook-id': vector.id,
		'webhook-timestamp': String(vector.timestamp),
		'webhook-signature': vector.signature,
	};
}

for (const vector of VECTORS) {
	test(`${vector.genuine ? 'believed' : 'refused'}: ${vector.name}`, () => {
		const said = complaint(headers(vector), Buffer.from(vector.body), vector.secrets, vector.now * 1000);
		assert.equal(said === undefined, vector.genuine, said);
	});

	test(`the library of npm agrees: ${vector.name}`, (t) => {
		t.mock.timers.enable({ apis: ['Date'], now: vector.now * 1000 });
		const fits = (secret) => {
			try {
				new Webhook(secret).verify(vector.body, headers(vector));
				return true;
			} catch {
				return false;
			}
		};
		assert.equal(vector.secrets.some(fits), vector.genuine);
	});
}

test('what is not signed at all, signed twice over, or signed in nonsense is refused', () => {
	const [good] = VECTORS;
	const body = Buffer.from(good.body);
	for (const change of [
		{ 'webhook-id': undefined },
		{ 'webhook-signature': undefined },
		{ 'webhook-signature': '' },
		{ 'webhook-signature': 'v1,' },
		{ 'webhook-signature': good.signature.replace('v1,', 'v2,') },
		{ 'webhook-signature': [good.signature] },
		{ 'webhook-timestamp': 'now' },
		{ 'webhook-timestamp': '' },
		{ 'webhook-timestamp': '1e9' },
	]) {
		assert.ok(complaint({ ...headers(good), ...change }, body, good.secrets, good.now * 1000), JSON.stringify(change));
	}
	assert.ok(complaint(headers(good), body, [], good.now * 1000));
});
