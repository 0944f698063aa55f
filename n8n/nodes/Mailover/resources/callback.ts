import type { INodeProperties } from 'n8n-workflow';

import { EVENTS, SEVERITIES } from '../../events';
import { named } from '../../names';
import { withoutSecret } from '../answers';
import { operations, path } from './operation';

const show = (...operation: string[]) => ({ show: { resource: ['callback'], operation } });

export const callback: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['callback'] } },
		default: 'create',
		options: operations(
			{
				name: 'Create',
				value: 'create',
				action: 'Create callback',
				description: 'Have mailover call a URL once, when something happens: with a Wait node, to wait for a recovery',
				method: 'POST',
				url: '/v1/subscriptions',
				body: { once: true },
				postReceive: [withoutSecret],
			},
			{
				name: 'Delete',
				value: 'delete',
				action: 'Delete callback',
				description: 'Call nobody any more',
				method: 'DELETE',
				url: path('/v1/subscriptions/{callback}'),
			},
			{
				name: 'Get',
				value: 'get',
				action: 'Get callback',
				description: 'Whether it still waits, and until when',
				method: 'GET',
				url: path('/v1/subscriptions/{callback}'),
			},
		),
	},
	{
		displayName: 'Callback ID',
		name: 'callback',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'e.g. sub_0123456789abcdef',
		description: 'What "Create" answered as ID',
		displayOptions: show('delete', 'get'),
	},
	{
		displayName: 'URL',
		name: 'url',
		type: 'string',
		default: '={{ $execution.resumeUrl }}',
		required: true,
		description: 'What is called, by POST with the event as JSON; its query string is kept as it is',
		displayOptions: show('create'),
		routing: { send: { type: 'body', property: 'url' } },
	},
	{
		displayName: 'Events',
		name: 'events',
		type: 'multiOptions',
		default: ['failback.happened'],
		required: true,
		options: EVENTS,
		description: 'The first of these that happens is told',
		displayOptions: show('create'),
		routing: { send: { type: 'body', property: 'events' } },
	},
	{
		displayName: 'Expires After (Minutes)',
		name: 'expires',
		type: 'number',
		typeOptions: { minValue: 1 },
		default: 360,
		required: true,
		description: 'Give it as long as the Wait node waits',
		displayOptions: show('create'),
		routing: {
			send: {
				type: 'body',
				property: 'expires',
				value: '={{ new Date(Date.now() + $value * 60000).toISOString() }}',
			},
		},
	},
	{
		displayName: 'Filters',
		name: 'filters',
		type: 'collection',
		placeholder: 'Add Filter',
		default: {},
		displayOptions: show('create'),
		options: [
			{
				displayName: 'Minimum Severity',
				name: 'severity',
				type: 'options',
				options: SEVERITIES,
				default: 'warning',
				description: 'Only what is at least this severe',
				routing: { send: { type: 'body', property: 'filter.severity' } },
			},
			named('provider', {
				required: false,
				description: 'Only what names this provider, also as what a stream left or went to',
				routing: { send: { type: 'body', property: 'filter.provider', value: '={{ $value || undefined }}' } },
			}),
			named('stream', {
				required: false,
				description: 'Only what names this stream',
				routing: { send: { type: 'body', property: 'filter.stream', value: '={{ $value || undefined }}' } },
			}),
		],
	},
];
