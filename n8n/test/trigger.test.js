// The Mailover Trigger with a stub of n8n around it and a stub of mailover behind it: a subscription's whole life.
const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const { beforeEach, test } = require('node:test');

const { MailoverTrigger } = require('../dist/nodes/MailoverTrigger/MailoverTrigger.node.js');

const LIVE = 'https://n8n.example/webhook/8f2c/webhook';
const TEST = 'https://n8n.example/webhook-test/8f2c/webhook';
const node = new MailoverTrigger();
const { checkExists, create, delete: remove } = node.webhookMethods.default;

/** mailover's side of /v1/subscriptions and /v1/events. */
class FakeMailover {
	subscriptions = new Map();
	calls = [];
	events = [];

	answer({ method, url, body }) {
		this.calls.push(`${method} ${url.split('?')[0]} ${body?.event ?? ''}`.trim());
		const [, , kind, id, action] = url.split('?')[0].split('/');
		if (kind === 'events') return { items: this.events.slice(0, Number(/limit=(\d+)/.exec(url)[1])) };
		if (method === 'POST' && id === undefined) return this.subscribe(body);
		if (!this.subscriptions.has(id)) throw { response: { status: 404, data: { detail: 'no subscription' } } };
		if (action !== undefined) return { event: 'evt_test' };
		if (method === 'DELETE') return this.subscriptions.delete(id) && { id, deleted: true };
		return this.subscriptions.get(id);
	}

	subscribe({ url, events, filter, secret }) {
		const same = [...this.subscriptions.values()].find((each) => each.url === url && `${each.events}` === `${events}`);
		const id = same?.id ?? `sub_${this.calls.length}`;
		const told = { streams: [filter.stream].filter(Boolean), providers: [filter.provider].filter(Boolean) };
		const made = { id, url, events, filter: { ...told, severity: filter.severity ?? null }, enabled: true, secret };
		this.subscriptions.set(id, made);
		return made;
	}
}

/** n8n's side: a workflow's static data, parameters, and a URL for the mode. */
class FakeN8n {
	staticData = {};
	parameters = { events: ['failover.happened'], filters: {}, options: {} };
	mailover = new FakeMailover();

	hook({ test = false, activation = test ? 'manual' : 'activate' } = {}) {
		return {
			getActivationMode: () => activation,
			getCredentials: async () => ({ baseUrl: 'http://mailover.example:8587/' }),
			getNode: () => ({ name: 'Mailover Trigger', type: 'mailoverTrigger', typeVersion: 1, parameters: {} }),
			getNodeParameter: (name, fallback) => name.split('.').reduce((at, key) => at?.[key], this.parameters) ?? fallback,
			getNodeWebhookUrl: () => (test ? TEST : LIVE),
			getWorkflowStaticData: () => this.staticData,
			helpers: { httpRequestWithAuthentication: async (_, request) => this.mailover.answer(request) },
		};
	}

	get kept() {
		return this.staticData.subscriptions;
	}
}

let n8n;
beforeEach(() => {
	n8n = new FakeN8n();
});

test('a first activation subscribes, and the next start finds it', async () => {
	assert.equal(await checkExists.call(n8n.hook()), false);
	assert.deepEqual(n8n.mailover.calls, []);
	assert.equal(await create.call(n8n.hook()), true);
	assert.match(n8n.kept[LIVE].secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
	assert.equal(await checkExists.call(n8n.hook({ activation: 'init' })), true);
	assert.deepEqual(n8n.mailover.calls, ['POST /v1/subscriptions', `GET /v1/subscriptions/${n8n.kept[LIVE].id}`]);
});

test('what mailover has lost, switched off or knows under other terms does not exist', async () => {
	await create.call(n8n.hook());
	const [subscription] = n8n.mailover.subscriptions.values();
	for (const [key, value] of [
		['enabled', false],
		['events', ['failback.happened']],
		['url', TEST],
		['filter', { streams: ['marketing'], providers: [], severity: null }],
	]) {
		const before = subscription[key];
		subscription[key] = value;
		assert.equal(await checkExists.call(n8n.hook()), false, key);
		subscription[key] = before;
	}
	n8n.mailover.subscriptions.clear();
	assert.equal(await checkExists.call(n8n.hook()), false);
});

test('that mailover is away is an error, and not an answer', async () => {
	await create.call(n8n.hook());
	n8n.mailover.answer = () => {
		throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
	};
	await assert.rejects(checkExists.call(n8n.hook()), { name: 'NodeApiError', description: /that mailover is running/ });
	await assert.rejects(remove.call(n8n.hook()), { name: 'NodeApiError' });
});

test('what mailover says of a refused URL is shown with what to do', async () => {
	n8n.mailover.answer = () => {
		throw { response: { status: 409, data: { detail: 'the URL is refused: 10.1.2.3 is private' } } };
	};
	await assert.rejects(create.call(n8n.hook()), ({ message, description }) => {
		assert.equal(message, 'the URL is refused: 10.1.2.3 is private');
		assert.match(description, /webhook_allow/);
		return true;
	});
});

test('other events take the place of the old ones', async () => {
	await create.call(n8n.hook());
	n8n.parameters.events = ['stream.exhausted'];
	assert.equal(await checkExists.call(n8n.hook()), false);
	await create.call(n8n.hook());
	assert.deepEqual([...n8n.mailover.subscriptions.values()].map((each) => each.events), [['stream.exhausted']]);
});

test('the same subscription made anew is a rotation: both secrets hold for a day', async (t) => {
	t.mock.timers.enable({ apis: ['Date'], now: 1795255331000 });
	await create.call(n8n.hook());
	const old = n8n.kept[LIVE].secret;
	await create.call(n8n.hook());
	const { secret } = n8n.kept[LIVE];
	assert.notEqual(secret, old);
	assert.equal(n8n.mailover.subscriptions.size, 1);
	for (const [by, hours, status] of [[old, 23, undefined], [secret, 23, undefined], [old, 25, 401], [secret, 25, undefined]]) {
		t.mock.timers.setTime(1795255331000 + hours * 3600 * 1000);
		assert.equal(await delivered(by, { id: `evt_${by}_${hours}` }), status, `${hours} h`);
	}
});

test('a new address of n8n ends the subscription of the old one', async () => {
	n8n.staticData.subscriptions = { 'https://old.example/webhook/8f2c/webhook': { id: 'sub_old', secret: 'whsec_' } };
	n8n.mailover.subscriptions.set('sub_old', {});
	await create.call(n8n.hook());
	assert.deepEqual(Object.keys(n8n.kept), [LIVE]);
	assert.equal(n8n.mailover.subscriptions.has('sub_old'), false);
});

test('listening for a test event leaves the live subscription alone, and is fed', async () => {
	await create.call(n8n.hook());
	assert.equal(await checkExists.call(n8n.hook({ test: true })), false);
	await create.call(n8n.hook({ test: true }));
	assert.equal(n8n.mailover.subscriptions.size, 2);
	assert.equal(n8n.mailover.calls.at(-1), `POST /v1/subscriptions/${n8n.kept[TEST].id}/test`);
	await remove.call(n8n.hook({ test: true, activation: 'update' }));
	assert.deepEqual(Object.keys(n8n.kept), [LIVE]);
	assert.equal(await checkExists.call(n8n.hook()), true);
});

test('the latest event of the chosen types is the sample, unless something else is wished', async () => {
	n8n.mailover.events = [
		{ id: 'evt_2', data: { severity: 'info' } },
		{ id: 'evt_1', data: { severity: 'critical' } },
	];
	const fed = async (sample) => {
		n8n.parameters.options = sample === undefined ? {} : { sample };
		await create.call(n8n.hook({ test: true }));
		return n8n.mailover.calls.at(-1).replace(/sub_\d+/, 'ID');
	};
	assert.equal(await fed(undefined), 'POST /v1/subscriptions/ID/replay evt_2');
	assert.equal(await fed('test'), 'POST /v1/subscriptions/ID/test');
	assert.equal(await fed('next'), 'POST /v1/subscriptions');
	n8n.parameters.filters = { severity: 'warning' };
	assert.equal(await fed('latest'), 'POST /v1/subscriptions/ID/replay evt_1', 'what the filter admits');
});

test('deactivation unsubscribes; that mailover does not know it any more is as good', async () => {
	await create.call(n8n.hook());
	assert.equal(await remove.call(n8n.hook()), true);
	assert.equal(n8n.mailover.subscriptions.size, 0);
	await create.call(n8n.hook());
	n8n.mailover.subscriptions.clear();
	assert.equal(await remove.call(n8n.hook()), true);
	assert.equal(await remove.call(n8n.hook()), true);
	assert.deepEqual(n8n.kept, {});
});

// -- deliveries ----------------------------------------------------------------------------------------------------

const EVENT = { id: 'evt_1', type: 'failover.happened', data: { stream: 'transactional' } };

/** What a delivery was answered: undefined when it started the workflow, "repeated", or a status. */
async function delivered(secret, { id = EVENT.id, mode = 'webhook', sentAt = Date.now(), form = false } = {}) {
	const body = JSON.stringify({ ...EVENT, id });
	const timestamp = String(Math.floor(sentAt / 1000));
	const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
	const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
	let status;
	const response = { status: (code) => ((status = code), response), json: () => response };
	const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
	const told = await node.webhook.call({
		getBodyData: () => JSON.parse(body),
		getHeaderData: () => headers,
		getMode: () => mode,
		getNodeParameter: (name) => n8n.parameters[name],
		getRequestObject: () => (form ? {} : { rawBody: Buffer.from(body) }),
		getResponseObject: () => response,
		getWorkflowStaticData: () => n8n.staticData,
		helpers: { returnJsonArray: (json) => [{ json }] },
		logger: { warn: () => undefined },
	});
	assert.equal(told.noWebhookResponse === true, status !== undefined);
	if (told.workflowData) assert.deepEqual(told.workflowData, [[{ json: { ...EVENT, id } }]]);
	return status ?? told.webhookResponse?.status;
}

test('a genuine delivery starts the workflow, once', async () => {
	await create.call(n8n.hook());
	const { secret } = n8n.kept[LIVE];
	assert.equal(await delivered(secret), undefined);
	assert.equal(await delivered(secret), 'repeated');
	assert.equal(await delivered(secret, { id: 'evt_2' }), undefined);
	n8n.parameters.options = { dropRepeats: false };
	assert.equal(await delivered(secret), undefined);
});

test('a forged or a stale one is refused, and is not remembered', async () => {
	assert.equal(await delivered('whsec_eA=='), 401);
	await create.call(n8n.hook());
	const { secret } = n8n.kept[LIVE];
	assert.equal(await delivered('whsec_eA=='), 401);
	assert.equal(await delivered(secret, { sentAt: Date.now() - 302_000 }), 401);
	assert.equal(await delivered(secret, { form: true }), 401);
	assert.equal(n8n.staticData.seen, undefined);
	assert.equal(await delivered(secret), undefined);
});

test('only so many ids are remembered', async () => {
	await create.call(n8n.hook());
	const { secret } = n8n.kept[LIVE];
	for (let n = 0; n < 205; n++) await delivered(secret, { id: `evt_${n}` });
	assert.equal(n8n.staticData.seen.length, 200);
});
