import type { INodeProperties } from 'n8n-workflow';

import { named } from '../../names';
import { checked, simplified } from '../answers';
import { ITEMS, operations, path } from './operation';

const show = (...operation: string[]) => ({ show: { resource: ['provider'], operation } });

export const provider: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['provider'] } },
		default: 'getAll',
		options: operations(
			{
				name: 'Disable',
				value: 'disable',
				action: 'Disable provider',
				description: 'Take a provider out: it is neither probed nor used',
				method: 'PATCH',
				url: path('/v1/providers/{provider}'),
				body: { enabled: false },
				postReceive: [simplified],
			},
			{
				name: 'Enable',
				value: 'enable',
				action: 'Enable provider',
				description: 'Let a provider work again',
				method: 'PATCH',
				url: path('/v1/providers/{provider}'),
				body: { enabled: true },
				postReceive: [simplified],
			},
			{
				name: 'Get',
				value: 'get',
				action: 'Get provider',
				description: 'Health, circuit breaker, last failures, latency, metrics and score of a provider',
				method: 'GET',
				url: path('/v1/providers/{provider}'),
				postReceive: [simplified],
			},
			{
				name: 'Get Many',
				value: 'getAll',
				action: 'Get many providers',
				description: 'Health and figures of every provider',
				method: 'GET',
				url: '/v1/providers',
				postReceive: [ITEMS, simplified],
			},
			{
				name: 'Report Arrival',
				value: 'reportArrival',
				action: 'Report arrival of test message',
				description: 'Say that the test message of a round trip has arrived, where the config has mailbox = "webhook"',
				method: 'POST',
				url: path('/v1/mailbox/{provider}'),
			},
			{
				name: 'Run Check',
				value: 'check',
				action: 'Run check of provider',
				description: 'Probe the provider now, over SMTP: connection, TLS, login, or a test message that must arrive',
				method: 'POST',
				url: path('/v1/providers/{provider}/check'),
				repeatable: true,
				postReceive: [checked],
			},
		),
	},
	named('provider', { displayOptions: show('check', 'disable', 'enable', 'get', 'reportArrival') }),
	{
		displayName: 'Probes',
		name: 'kinds',
		type: 'multiOptions',
		required: true,
		options: [
			{ name: 'Login', value: 'login', description: 'Connect and log in' },
			{ name: 'Port', value: 'port', description: 'Connect, greet and start TLS' },
			{
				name: 'Round Trip',
				value: 'round_trip',
				description: 'Send a test message and wait until it has arrived; needs [round_trip] in the config',
			},
		],
		default: ['port', 'login'],
		description: 'What to try',
		displayOptions: show('check'),
		routing: { send: { type: 'body', property: 'kinds' } },
	},
	{
		displayName: 'Mark',
		name: 'mark',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'e.g. {{ $json.subject }}',
		description: 'The 32 hex digits that mark the message, or its subject, which holds them',
		displayOptions: show('reportArrival'),
		routing: {
			send: { type: 'body', property: 'nonce', value: '={{ ($value.match(/\\b[0-9a-f]{32}\\b/) ?? [$value])[0] }}' },
		},
	},
	{
		displayName: 'Folder',
		name: 'folder',
		type: 'string',
		default: 'INBOX',
		description: 'Where it was found: junk is told from mail by it',
		displayOptions: show('reportArrival'),
		routing: { send: { type: 'body', property: 'folder' } },
	},
	{
		displayName: 'Simplify',
		name: 'simplify',
		type: 'boolean',
		default: true,
		description: 'Whether to return a simplified version of the response instead of the raw data',
		displayOptions: show('disable', 'enable', 'get', 'getAll'),
	},
];
