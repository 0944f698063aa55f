import { NodeConnectionTypes, type INodeType, type INodeTypeDescription } from 'n8n-workflow';

import { searchProviders, searchStreams } from '../names';
import { callback } from './resources/callback';
import { delivery } from './resources/delivery';
import { dns } from './resources/dns';
import { incident } from './resources/incident';
import { provider } from './resources/provider';
import { stream } from './resources/stream';

/** Asks mailover and orders it about. Declarative: every operation is one call of its API. */
export class Mailover implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Mailover',
		name: 'mailover',
		icon: { light: 'file:../../icons/mailover.svg', dark: 'file:../../icons/mailover.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{ $parameter["resource"] + ": " + $parameter["operation"] }}',
		description: 'Know and steer which SMTP provider carries your mail',
		defaults: { name: 'Mailover' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'mailoverApi', required: true }],
		requestDefaults: {
			baseURL: '={{ $credentials.baseUrl.replace(/\\/+$/, "") }}',
			headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
			ignoreHttpStatusErrors: true,
		},
		properties: [
			{
				displayName: 'Resource',
				name: 'resource',
				type: 'options',
				noDataExpression: true,
				options: [
					{ name: 'Callback', value: 'callback' },
					{ name: 'Delivery', value: 'delivery' },
					{ name: 'DNS Check', value: 'dns' },
					{ name: 'Incident', value: 'incident' },
					{ name: 'Provider', value: 'provider' },
					{ name: 'Stream', value: 'stream' },
				],
				default: 'stream',
			},
			...stream,
			...provider,
			...delivery,
			...dns,
			...incident,
			...callback,
		],
	};

	methods = { listSearch: { searchProviders, searchStreams } };
}
