import {
	NodeConnectionTypes,
	type IDataObject,
	type IHookFunctions,
	type INodeType,
	type INodeTypeDescription,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { ask } from '../asking';
import { EVENTS, SEVERITIES } from '../events';
import { named, searchProviders, searchStreams } from '../names';
import { complaint } from './signature';
import { create, exists, isRepeat, remove, secrets, termsOf } from './subscription';

/** Starts a workflow when something happens to the mail. Subscribes to mailover's events while it is active. */
export class MailoverTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Mailover Trigger',
		name: 'mailoverTrigger',
		icon: { light: 'file:../../icons/mailover.svg', dark: 'file:../../icons/mailover.dark.svg' },
		group: ['trigger'],
		version: 1,
		subtitle: '={{ $parameter["events"].join(", ") || "all events" }}',
		description: 'Start a workflow when an SMTP provider fails, mail fails over, or anything else happens to it',
		defaults: { name: 'Mailover Trigger' },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'mailoverApi', required: true }],
		webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'webhook' }],
		properties: [
			{
				displayName: 'Events',
				name: 'events',
				type: 'multiOptions',
				options: EVENTS,
				default: ['failover.happened', 'failback.happened'],
				description: 'What starts the workflow. None chosen means everything.',
			},
			{
				displayName: 'Filters',
				name: 'filters',
				type: 'collection',
				placeholder: 'Add Filter',
				default: {},
				options: [
					{
						displayName: 'Minimum Severity',
						name: 'severity',
						type: 'options',
						options: SEVERITIES,
						default: 'warning',
						description: 'Only what is at least this severe',
					},
					named('provider', {
						required: false,
						description: 'Only what names this provider, also as what a stream left or went to',
					}),
					named('stream', { required: false, description: 'Only what names this stream' }),
				],
			},
			{
				displayName: 'Options',
				name: 'options',
				type: 'collection',
				placeholder: 'Add Option',
				default: {},
				options: [
					{
						displayName: 'Drop Repeats',
						name: 'dropRepeats',
						type: 'boolean',
						default: true,
						description:
							'Whether an event that mailover sends again, because an answer of n8n was lost, starts nothing a second time',
					},
					{
						displayName: 'Listen For',
						name: 'sample',
						type: 'options',
						options: [
							{
								name: 'Latest Event',
								value: 'latest',
								description: 'The latest event of the chosen types is sent anew, or a test event when there was none yet',
							},
							{
								name: 'Next Event',
								value: 'next',
								description: 'Nothing is sent; wait until something happens',
							},
							{ name: 'Test Event', value: 'test', description: 'A webhook.test is sent at once' },
						],
						default: 'latest',
						description: 'What arrives when you listen for a test event in the editor',
					},
				],
			},
		],
	};

	methods = { listSearch: { searchProviders, searchStreams } };

	webhookMethods = {
		default: {
			async checkExists(this: IHookFunctions): Promise<boolean> {
				return await exists.call(this);
			},

			async create(this: IHookFunctions): Promise<boolean> {
				const id = await create.call(this);
				if (this.getActivationMode() === 'manual') await sendSample.call(this, id);
				return true;
			},

			async delete(this: IHookFunctions): Promise<boolean> {
				return await remove.call(this);
			},
		},
	};

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		const request = this.getRequestObject();
		const headers = this.getHeaderData();
		const body = request.rawBody ?? Buffer.alloc(0); // n8n keeps none of a form with files
		const refused = complaint(headers as IDataObject, body, secrets.call(this), Date.now());
		if (refused !== undefined) {
			this.logger.warn(`Mailover Trigger: a delivery is refused: ${refused}`);
			this.getResponseObject().status(401).json({ message: `The delivery is refused: ${refused}.` });
			return { noWebhookResponse: true };
		}
		const options = this.getNodeParameter('options', {}) as IDataObject;
		if (options.dropRepeats !== false && this.getMode() !== 'manual' && isRepeat.call(this, headers['webhook-id'] as string)) {
			return { webhookResponse: { status: 'repeated' } };
		}
		return { workflowData: [this.helpers.returnJsonArray(this.getBodyData())] };
	}
}

/** Feed "Listen for test event". */
async function sendSample(this: IHookFunctions, id: string): Promise<void> {
	const { sample = 'latest' } = this.getNodeParameter('options', {}) as IDataObject;
	if (sample === 'next') return;
	const event = sample === 'latest' ? await latest.call(this) : undefined;
	if (event === undefined) await ask.call(this, 'POST', `/v1/subscriptions/${id}/test`);
	else await ask.call(this, 'POST', `/v1/subscriptions/${id}/replay`, { event });
}

async function latest(this: IHookFunctions): Promise<string | undefined> {
	const { events, filter } = termsOf.call(this);
	const query = new URLSearchParams([
		['newest', 'true'],
		['limit', filter.severity === undefined ? '1' : '200'],
		...events.map((type): [string, string] => ['type', type]),
		...(['stream', 'provider'] as const).flatMap((kind): Array<[string, string]> =>
			filter[kind] === undefined ? [] : [[kind, filter[kind]]],
		),
	]);
	const { items } = (await ask.call(this, 'GET', `/v1/events?${query.toString()}`)) as { items: IDataObject[] };
	const least = rank(filter.severity);
	return items.find(({ data }) => rank((data as IDataObject).severity) >= least)?.id as string | undefined;
}

function rank(severity: unknown): number {
	return SEVERITIES.findIndex(({ value }) => value === severity);
}
