import type { INodeProperties } from 'n8n-workflow';

import { ITEMS, operations, path } from './operation';
import { paging } from './paging';

const show = (...operation: string[]) => ({ show: { resource: ['incident'], operation } });

export const incident: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['incident'] } },
		default: 'getAll',
		options: operations(
			{
				name: 'Acknowledge',
				value: 'acknowledge',
				action: 'Acknowledge incident',
				description: 'Say that somebody is looking at it; reminders stop',
				method: 'POST',
				url: path('/v1/incidents/{incident}/acknowledge'),
			},
			{
				name: 'Get Many',
				value: 'getAll',
				action: 'Get many incidents',
				description: 'From the first failing signal to the recovery',
				method: 'GET',
				url: '/v1/incidents',
				postReceive: [ITEMS],
			},
		),
	},
	{
		displayName: 'Incident ID',
		name: 'incident',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'e.g. {{ $json.data.incident }}',
		description: 'Events name it in data.incident',
		displayOptions: show('acknowledge'),
	},
	{
		displayName: 'Only Open',
		name: 'open',
		type: 'boolean',
		default: true,
		description: 'Whether to leave out incidents that have ended',
		displayOptions: show('getAll'),
		routing: { send: { type: 'query', property: 'open' } },
	},
	{
		displayName: 'Newest First',
		name: 'newest',
		type: 'boolean',
		default: true,
		description: 'Whether the latest incident comes first',
		displayOptions: show('getAll'),
		routing: { send: { type: 'query', property: 'newest' } },
	},
	...paging('incident', 'getAll'),
];
